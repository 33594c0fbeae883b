"""From a parsed head to a route and a service, or a refusal."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.hash cimport hash_bytes
from fastgate._core.base.memory cimport memory_give, memory_take
from fastgate._core.base.span cimport span_ieq, span_of, span_t, span_text, span_trim
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.connection_options cimport connection_has
from fastgate._core.http.cookie cimport cookie_find
from fastgate._core.http.message cimport (
    HEADER_COOKIE,
    HEADER_EXPECT,
    HEADER_HOST,
    HEADER_UPGRADE,
    HEADER_X_FORWARDED_PROTO,
    header_t,
    header_value,
    message_find,
    message_find_name,
    message_has,
    message_t,
)
from fastgate._core.http.parser cimport FRAMING_LENGTH, FRAMING_NONE, parser_t
from fastgate._core.http.uri cimport (
    HOST_MAX_BYTES,
    URI_ABSOLUTE,
    URI_ASTERISK,
    host_parse,
    host_t,
    uri_normalise,
    uri_parse,
    uri_query_arg,
    uri_t,
)
from fastgate._core.http.websocket cimport websocket_check_request
from fastgate._core.includes.llhttp cimport METHOD_CONNECT, METHOD_OPTIONS, METHOD_TRACE
from fastgate._core.net.address cimport address_format, address_parse, address_t
from fastgate._core.proxy.exchange cimport (
    LANE_OUTPUT_BYTES,
    REQUEST_ID_BYTES,
    exchange_path,
    exchange_query,
    exchange_t,
    exchange_take,
)
from fastgate._core.proxy.heard cimport heard_trim
from fastgate._core.proxy.reply cimport (
    TEXT_BAD_REQUEST,
    TEXT_BODY_TOO_LARGE,
    TEXT_EXPECT,
    TEXT_HEAD_TOO_LARGE,
    TEXT_METHOD,
    TEXT_NO_ROUTE,
    TEXT_NO_SERVICE,
    TEXT_OVERLOADED,
    TEXT_URI_TOO_LONG,
    TEXT_USE_HTTPS,
    TEXT_WEBSOCKET_VERSION,
)
from fastgate._core.proxy.rewritten cimport rewritten_message
from fastgate._core.route.router cimport route_match_group, route_match_t, route_query_t, router_match
from fastgate._core.snapshot.snapshot cimport (
    HASH_CONSUMER,
    HASH_COOKIE,
    HASH_HEADER,
    HASH_IP,
    HASH_NONE,
    HASH_PATH,
    HASH_QUERY_ARG,
    HASH_URI_CAPTURE,
    hash_key_t,
    service_t,
    settings_t,
    settings_trusts,
)


cdef enum:
    HTTP_PORT = 80
    HTTPS_PORT = 443
    HTTPS_UPGRADE = 426


cdef status_t _refuse(exchange_t *exchange, unsigned status, const char *text) noexcept nogil:
    if exchange.refusal == 0:
        exchange.refusal = <uint16_t>status
        exchange.refusal_text = span_text(text)
    return OK


cdef span_t _authority(exchange_t *exchange) noexcept nogil:
    return span_of(exchange.input + exchange.authority_at, exchange.authority_len)


cdef bint _read_host(exchange_t *exchange) noexcept nogil:
    """Exactly one valid Host; HTTP/1.0 may have none (RFC 9112 section 3.2)."""
    cdef message_t *request = &exchange.request
    cdef const header_t *first = message_find(request, HEADER_HOST)
    cdef host_t host
    cdef unsigned i, seen = 0
    for i in range(request.n_headers):
        seen += request.headers[i].id == HEADER_HOST
    if seen > 1 or (seen == 0 and request.http_minor):
        return False
    if seen and exchange.authority_len == 0:
        exchange.authority_at = first.value
        exchange.authority_len = first.value_len
    elif seen and host_parse(header_value(request, first), exchange.host, HOST_MAX_BYTES, &host) != OK:
        return False        # overridden by an absolute target, but must be valid all the same
    if exchange.authority_len == 0:
        return seen == 0
    if host_parse(_authority(exchange), exchange.host, HOST_MAX_BYTES, &host) != OK:
        return False
    exchange.host_len = <uint16_t>host.name.len
    exchange.host_port = host.port
    return True


cdef bint _read_target(exchange_t *exchange) noexcept nogil:
    cdef message_t *request = &exchange.request
    cdef uri_t uri
    cdef span_t path, normal
    if uri_parse(span_of(request.base + request.target, request.target_len), &uri) != OK:
        return False
    if uri.form == URI_ASTERISK:
        # Routed as "/" would be, forwarded as it is (RFC 9112 section 3.2.4).
        exchange.has_asterisk_target = True
        exchange.path_at = request.target
        exchange.path_len = 0
        if request.method != METHOD_OPTIONS:
            return False
        path = span_of(b"/", 1)
    else:
        path = uri.path
    if uri.form == URI_ABSOLUTE:
        exchange.authority_at = <uint32_t>(uri.authority.at - exchange.input)
        exchange.authority_len = <uint32_t>uri.authority.len
    if uri.has_query:
        exchange.has_query = True
        exchange.query_at = <uint32_t>(uri.query.at - exchange.input)
        exchange.query_len = <uint32_t>uri.query.len
    if uri_normalise(path, exchange.lane.output, LANE_OUTPUT_BYTES, &normal) != OK:
        return False
    exchange.path_len = <uint32_t>normal.len
    if normal.at >= exchange.input and normal.at < exchange.input + exchange.input_size:
        exchange.path_at = <uint32_t>(normal.at - exchange.input)
        return True
    exchange.path_block = <char *>memory_take(normal.len)
    if exchange.path_block == NULL:
        exchange.path_len = 0
        _refuse(exchange, 503, TEXT_OVERLOADED)
        return True
    memcpy(exchange.path_block, normal.at, normal.len)
    return True


cdef span_t _last_element(span_t *list_out) noexcept nogil:
    """Cuts the last comma-separated element off."""
    cdef size_t i = list_out.len
    cdef span_t element
    while i > 0 and list_out.at[i - 1] != c',':
        i -= 1
    element = span_trim(span_of(list_out.at + i, list_out.len - i))
    list_out.len = i - 1 if i else 0
    return element


cdef bint _address_of_text(span_t text, address_t *address_out) noexcept nogil:
    """With or without port and brackets, as proxies write them."""
    cdef size_t i
    if text.len and text.at[0] == c'[':
        for i in range(text.len):
            if text.at[i] == c']':
                return address_parse(text.at + 1, i - 1, address_out)
        return False
    if address_parse(text.at, text.len, address_out):
        return True
    for i in range(text.len):
        if text.at[i] == c':':
            return address_parse(text.at, i, address_out)
    return False


cdef void _read_real_ip(exchange_t *exchange, address_t *address) noexcept nogil:
    """The list is read from its end: the last hop wrote there, in a field of its own perhaps."""
    cdef const settings_t *settings = &exchange.snapshot.settings
    cdef message_t *request = &exchange.request
    cdef address_t named
    cdef const header_t *header
    cdef span_t rest
    cdef unsigned i
    for i in range(request.n_headers, 0, -1):
        header = &request.headers[i - 1]
        if header.name_len != settings.real_ip_header.len or not span_ieq(
            span_of(request.base + header.name, header.name_len), settings.real_ip_header
        ):
            continue
        rest = header_value(request, header)
        while rest.len:
            if not _address_of_text(_last_element(&rest), &named):
                return
            address[0] = named
            if not (settings.real_ip_recursive and settings_trusts(settings, &named)):
                return


cdef void _read_client(exchange_t *exchange) noexcept nogil:
    """Whom the request is from: the peer, or whom a trusted peer names (`real_ip_header`)."""
    cdef const settings_t *settings = &exchange.snapshot.settings
    cdef message_t *request = &exchange.request
    cdef address_t address = exchange.client.peer
    cdef const header_t *header
    exchange.is_trusted = settings_trusts(settings, &address)
    if exchange.is_trusted and message_has(request, HEADER_X_FORWARDED_PROTO):
        header = message_find(request, HEADER_X_FORWARDED_PROTO)
        exchange.is_https = span_ieq(header_value(request, header), span_of(b"https", 5))
    if exchange.is_trusted and settings.real_ip_header.len:
        _read_real_ip(exchange, &address)
    exchange.client_address = address
    exchange.client_ip_len = <uint8_t>address_format(&address, exchange.client_ip)


cdef void _read_expectation(exchange_t *exchange) noexcept nogil:
    cdef const header_t *expect
    if not message_has(&exchange.request, HEADER_EXPECT) or exchange.request.http_minor == 0:
        return
    expect = message_find(&exchange.request, HEADER_EXPECT)
    if not span_ieq(header_value(&exchange.request, expect), span_of(b"100-continue", 12)):
        _refuse(exchange, 417, TEXT_EXPECT)


cdef void _read_upgrade(exchange_t *exchange) noexcept nogil:
    """WebSocket handshakes pass when they are whole; other tokens only by configuration, else they end here."""
    cdef message_t *request = &exchange.request
    cdef const settings_t *settings = &exchange.snapshot.settings
    cdef unsigned i
    cdef span_t token
    cdef unsigned verdict
    if not message_has(request, HEADER_UPGRADE):
        return
    token = header_value(request, message_find(request, HEADER_UPGRADE))
    if span_ieq(token, span_of(b"websocket", 9)):
        verdict = websocket_check_request(request)
        if verdict == 426:
            _refuse(exchange, 426, TEXT_WEBSOCKET_VERSION)
        elif verdict or exchange.parser.framing != FRAMING_NONE:
            _refuse(exchange, 400, TEXT_BAD_REQUEST)
        exchange.is_upgrade = True
        exchange.is_websocket = True
        return
    if exchange.parser.framing != FRAMING_NONE or request.http_minor == 0:
        return
    if not connection_has(request, span_of(b"upgrade", 7)):
        return                  # not meant for this hop (RFC 9110 section 7.8)
    for i in range(settings.n_upgrades):
        if span_ieq(token, settings.upgrades[i]):
            exchange.is_upgrade = True


cdef bint _hash_text(exchange_t *exchange, const hash_key_t *key, const route_match_t *match,
                     span_t *text_out) noexcept nogil:
    cdef message_t *request = &exchange.request
    cdef const header_t *header
    if key.source == HASH_IP:
        text_out[0] = span_of(exchange.client_ip, exchange.client_ip_len)
    elif key.source == HASH_HEADER:
        header = message_find_name(request, key.name, 0)
        if header == NULL:
            return False
        text_out[0] = header_value(request, header)
    elif key.source == HASH_COOKIE:
        return message_has(request, HEADER_COOKIE) and cookie_find(request, key.name, text_out)
    elif key.source == HASH_PATH:
        text_out[0] = exchange_path(exchange)
    elif key.source == HASH_QUERY_ARG:
        return exchange.has_query and uri_query_arg(exchange_query(exchange), key.name, text_out)
    elif key.source == HASH_URI_CAPTURE:
        return match != NULL and route_match_group(match, exchange_path(exchange), key.name, text_out)
    else:
        return False        # none; or the consumer, who is not known yet: request_hash_consumer
    return True


cdef void _make_cookie(exchange_t *exchange) noexcept nogil:
    """A client without the balancing cookie gets one: 32 hex digits of the request's id."""
    memcpy(exchange.cookie_value, exchange.request_id, REQUEST_ID_BYTES)


cdef void _read_hash(exchange_t *exchange, const route_match_t *match) noexcept nogil:
    cdef const hash_key_t *key = &exchange.service.hash_on
    cdef span_t text
    if key.source == HASH_NONE:
        return
    if not _hash_text(exchange, key, match, &text):
        if key.source == HASH_COOKIE:
            _make_cookie(exchange)
            text = span_of(exchange.cookie_value, REQUEST_ID_BYTES)
        elif not _hash_text(exchange, &exchange.service.hash_fallback, match, &text):
            return
    exchange.pick.hash = hash_bytes(text.at, text.len, 0)
    exchange.pick.has_hash = True


cdef void request_take_service(exchange_t *exchange, const service_t *service) noexcept nogil:
    exchange.service = service
    exchange.pick.has_hash = False
    exchange.cookie_value[0] = 0
    _read_hash(exchange, exchange.match)


cdef void request_hash_consumer(exchange_t *exchange) noexcept nogil:
    cdef const service_t *service = exchange.service
    cdef span_t id
    if exchange.consumer != NULL and (
        service.hash_on.source == HASH_CONSUMER
        or service.hash_fallback.source == HASH_CONSUMER and not exchange.pick.has_hash
    ):
        id = exchange.consumer.id
        exchange.pick.hash = hash_bytes(id.at, id.len, 0)
        exchange.pick.has_hash = True


cdef void _keep_match(exchange_t *exchange, const route_match_t *match) noexcept nogil:
    """As much of it as there are groups."""
    cdef size_t size = <size_t>&(<route_match_t *>NULL).groups + 2 * match.n_groups * sizeof(uint32_t)
    cdef void *kept
    if match.n_groups == 0 or exchange.has_asterisk_target:
        return
    kept = exchange_take(exchange, size)
    if kept == NULL:
        _refuse(exchange, 503, TEXT_OVERLOADED)
        return
    memcpy(kept, match, size)
    exchange.match = <const route_match_t *>kept


cdef void _find_route(exchange_t *exchange, const message_t *message) noexcept nogil:
    cdef route_query_t query
    cdef route_match_t match
    query.host = span_of(exchange.host, exchange.host_len)
    query.path = exchange_path(exchange) if exchange.path_len else span_of(b"/", 1)
    query.message = message
    query.scratch = exchange.lane.scratch
    query.is_https = exchange.is_https
    query.port = exchange.host_port
    if query.port == 0:
        query.port = HTTPS_PORT if exchange.is_https else HTTP_PORT
    query.method = exchange.upstream_method     # its own, unless a plugin has rewritten it
    if router_match(exchange.snapshot.router, &query, &match) != OK:
        _refuse(exchange, 404, TEXT_NO_ROUTE)
        return
    exchange.route = &exchange.snapshot.routes[match.route]
    exchange.service = exchange.route.service
    exchange.series = exchange.route.series
    exchange.prefix_len = match.prefix_len
    heard_trim(exchange, exchange.route.chain, exchange.route.chain != NULL)
    if exchange.route.chain != NULL and exchange.route.chain.wants_match:
        _keep_match(exchange, &match)
    if match.https_status:
        # Without a Host there is nowhere to redirect to.
        exchange.https_status = match.https_status if exchange.host_len else HTTPS_UPGRADE
        _refuse(exchange, exchange.https_status, TEXT_USE_HTTPS)
    elif exchange.service != NULL:
        _read_hash(exchange, &match)
    elif exchange.route.chain == NULL:
        _refuse(exchange, 503, TEXT_NO_SERVICE)


cdef status_t request_on_head(parser_t *parser) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>parser.owner
    cdef uint8_t method = exchange.request.method
    cdef const settings_t *settings = &exchange.snapshot.settings
    exchange.head_ns = exchange.lane.reactor.now_ns
    exchange.upstream_method = method
    own_add_u64(&exchange.lane.reactor.counters.requests, 1)
    exchange.client.n_requests += 1
    _read_client(exchange)
    if method == METHOD_CONNECT or method == METHOD_TRACE:
        return _refuse(exchange, 405, TEXT_METHOD)
    if not _read_target(exchange) or not _read_host(exchange):
        exchange.client.is_closing = True
        return _refuse(exchange, 400, TEXT_BAD_REQUEST)
    if settings.body_bytes and parser.framing == FRAMING_LENGTH and parser.content_length > settings.body_bytes:
        return _refuse(exchange, 413, TEXT_BODY_TOO_LARGE)
    _read_expectation(exchange)
    _read_upgrade(exchange)
    if exchange.refusal == 0 and exchange.snapshot.n_rewriting == 0:
        _find_route(exchange, &exchange.request)
    elif exchange.refusal == 0:
        heard_trim(exchange, NULL, True)     # the route is found when they are done: request_find_route
    exchange.keeps_body = True
    return OK


cdef bint request_has_more(const exchange_t *exchange) noexcept nogil:
    return (
        exchange.client.stream.is_readable and not exchange.parser.is_complete
        and exchange.parser.framing == FRAMING_LENGTH
        and exchange.parser.content_length <= exchange.snapshot.settings.retry_buffer_bytes
    )


# --- as plugins rewrite it

cdef void request_find_route(exchange_t *exchange) noexcept nogil:
    cdef message_t whole
    if exchange.request_added.is_short:     # what plugins say decides the route, too
        _refuse(exchange, 503, TEXT_OVERLOADED)
    elif exchange.request_added.first == NULL:
        _find_route(exchange, &exchange.request)
    elif rewritten_message(exchange, &whole):
        _find_route(exchange, &whole)
    else:
        _refuse(exchange, 431, TEXT_HEAD_TOO_LARGE)


cdef void request_move(exchange_t *exchange, span_t path) noexcept nogil:
    cdef span_t normal
    cdef char *block
    if uri_normalise(path, exchange.lane.output, LANE_OUTPUT_BYTES, &normal) != OK:
        _refuse(exchange, 414, TEXT_URI_TOO_LONG)
        return
    block = <char *>memory_take(normal.len)
    if block == NULL:
        _refuse(exchange, 503, TEXT_OVERLOADED)
        return
    memcpy(block, normal.at, normal.len)
    memory_give(exchange.path_block)
    exchange.path_block = block
    exchange.path_at = 0
    exchange.path_len = <uint32_t>normal.len
    exchange.has_asterisk_target = False

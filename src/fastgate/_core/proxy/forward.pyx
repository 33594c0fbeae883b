"""Rewriting a request head: path, Host, hop-by-hop fields out, forwarding fields in (as Kong's)."""

from libc.stdint cimport uint16_t, uint64_t

from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.status cimport OK, TOO_LARGE, status_t
from fastgate._core.base.writer cimport writer_field, writer_number, writer_put, writer_span, writer_t, writer_text
from fastgate._core.http.llhttp cimport llhttp_method_name
from fastgate._core.http.message cimport (
    HEADER_CONTENT_LENGTH,
    HEADER_EXPECT,
    HEADER_FORWARDED,
    HEADER_HOST,
    HEADER_PROXY_AUTHORIZATION,
    HEADER_UPGRADE,
    HEADER_X_FORWARDED_FOR,
    HEADER_X_FORWARDED_HOST,
    HEADER_X_FORWARDED_PATH,
    HEADER_X_FORWARDED_PORT,
    HEADER_X_FORWARDED_PREFIX,
    HEADER_X_FORWARDED_PROTO,
    header_id_t,
    header_t,
    header_value,
    message_find,
    message_has,
    message_t,
)
from fastgate._core.http.parser cimport FRAMING_CHUNKED, FRAMING_LENGTH
from fastgate._core.http.uri cimport uri_join
from fastgate._core.includes.llhttp cimport METHOD_PATCH, METHOD_POST, METHOD_PUT
from fastgate._core.net.address cimport ADDRESS_TEXT_BYTES, address_format
from fastgate._core.proxy.exchange cimport (
    REQUEST_ID_BYTES,
    exchange_path,
    exchange_query,
    exchange_t,
)
from fastgate._core.proxy.own_fields cimport VIA
from fastgate._core.proxy.pass_fields cimport field_bit, forwarding_bits, pass_fields, put_added
from fastgate._core.snapshot.snapshot cimport service_t
from fastgate._core.upstream.peer cimport peer_t


cdef const char *MIRRORED = b"X-Mirrored"


cdef void _put_target(exchange_t *exchange, span_t base, writer_t *writer) noexcept nogil:
    cdef span_t joined, path = exchange_path(exchange)
    writer_text(writer, llhttp_method_name(exchange.upstream_method))
    writer_text(writer, b" ")
    if exchange.path_edited.at != NULL:
        writer_span(writer, exchange.path_edited)
    elif exchange.has_asterisk_target:
        writer_text(writer, b"*")
    elif uri_join(
        base, path, exchange.prefix_len, exchange.route.strip_path,
        writer.at, <size_t>(writer.end - writer.at), &joined,
    ) == OK:
        if joined.at == writer.at:
            writer.at += joined.len
        else:
            writer_span(writer, joined)
    else:
        writer.is_full = True
    if exchange.has_query:
        writer_text(writer, b"?")
        writer_span(writer, exchange_query(exchange))
    writer_text(writer, b" HTTP/1.1\r\n")


cdef void _put_host(exchange_t *exchange, const service_t *service, const peer_t *peer, writer_t *writer) noexcept nogil:
    writer_text(writer, b"Host: ")
    if exchange.host_edited.len:
        writer_span(writer, exchange.host_edited)
    elif exchange.route.preserve_host and exchange.authority_len:
        writer_put(writer, exchange.input + exchange.authority_at, exchange.authority_len)
    elif service.host_header.len:
        writer_span(writer, service.host_header)
    else:
        writer_put(writer, peer.host, peer.host_len)
    writer_text(writer, b"\r\n")


cdef void _put_headers(exchange_t *exchange, uint64_t more_dropped, writer_t *writer) noexcept nogil:
    """What the gateway writes itself is left out; Forwarded (RFC 7239) only trusted peers may say."""
    cdef uint64_t dropped = (
        field_bit(HEADER_HOST) | field_bit(HEADER_UPGRADE) | field_bit(HEADER_PROXY_AUTHORIZATION) | forwarding_bits()
    )
    if not exchange.is_trusted:
        dropped |= field_bit(HEADER_FORWARDED)
    pass_fields(&exchange.request, &exchange.snapshot.settings, dropped | more_dropped, writer)
    put_added(&exchange.request_added, writer)


cdef void _put_kept_or(exchange_t *exchange, writer_t *writer, uint16_t id, const char *name, size_t name_len,
                       span_t ours) noexcept nogil:
    """A trusted peer's own value of the field, or ours."""
    cdef const header_t *theirs
    if exchange.is_trusted and message_has(&exchange.request, <header_id_t>id):
        theirs = message_find(&exchange.request, <header_id_t>id)
        writer_field(writer, span_of(name, name_len), header_value(&exchange.request, theirs))
    elif ours.len:
        writer_field(writer, span_of(name, name_len), ours)


cdef void _put_forwarded_for(exchange_t *exchange, writer_t *writer) noexcept nogil:
    """The peer behind what trusted peers told; what others told is dropped, for it may be a lie."""
    cdef const message_t *request = &exchange.request
    cdef char text[ADDRESS_TEXT_BYTES]
    cdef unsigned i
    if not exchange.is_trusted:         # then the client is the peer
        writer_field(
            writer, span_of(b"X-Forwarded-For", 15), span_of(exchange.client_ip, exchange.client_ip_len)
        )
        return
    writer_text(writer, b"X-Forwarded-For: ")
    if message_has(request, HEADER_X_FORWARDED_FOR):
        for i in range(request.n_headers):
            if request.headers[i].id == HEADER_X_FORWARDED_FOR and request.headers[i].value_len:
                writer_span(writer, header_value(request, &request.headers[i]))
                writer_text(writer, b", ")
    writer_put(writer, text, address_format(&exchange.client.peer, text))
    writer_text(writer, b"\r\n")


cdef void _put_forwarding(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef span_t path = exchange_path(exchange)
    cdef span_t prefix = span_of(path.at, exchange.prefix_len if exchange.route.strip_path else 0)
    _put_forwarded_for(exchange, writer)
    _put_kept_or(exchange, writer, HEADER_X_FORWARDED_PROTO, b"X-Forwarded-Proto", 17, span_of(b"http", 4))
    _put_kept_or(
        exchange, writer, HEADER_X_FORWARDED_HOST, b"X-Forwarded-Host", 16,
        span_of(exchange.host, exchange.host_len),
    )
    if exchange.is_trusted and message_has(&exchange.request, HEADER_X_FORWARDED_PORT):
        _put_kept_or(exchange, writer, HEADER_X_FORWARDED_PORT, b"X-Forwarded-Port", 16, span_of(NULL, 0))
    elif not exchange.client.is_unix:
        writer_text(writer, b"X-Forwarded-Port: ")
        writer_number(writer, exchange.client.port)
        writer_text(writer, b"\r\n")
    _put_kept_or(exchange, writer, HEADER_X_FORWARDED_PATH, b"X-Forwarded-Path", 16, path)
    if prefix.len == 1:
        prefix.len = 0          # "/": nothing was stripped that anyone would miss
    _put_kept_or(exchange, writer, HEADER_X_FORWARDED_PREFIX, b"X-Forwarded-Prefix", 18, prefix)
    writer_field(writer, span_of(b"X-Real-IP", 9), span_of(exchange.client_ip, exchange.client_ip_len))
    writer_text(writer, VIA)


cdef bint _expects_body(unsigned method) noexcept nogil:
    """Without one, it says so (RFC 9110 section 8.6)."""
    return method == METHOD_POST or method == METHOD_PUT or method == METHOD_PATCH


cdef void _put_framing(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef const header_t *upgrade
    if exchange.parser.framing == FRAMING_CHUNKED:
        writer_text(writer, b"Transfer-Encoding: chunked\r\n")
    elif exchange.parser.framing == FRAMING_LENGTH:
        writer_text(writer, b"Content-Length: ")
        writer_number(writer, exchange.parser.content_length)
        writer_text(writer, b"\r\n")
    elif message_has(&exchange.request, HEADER_CONTENT_LENGTH) or (
        exchange.upstream_method != exchange.request.method and _expects_body(exchange.upstream_method)
    ):
        writer_text(writer, b"Content-Length: 0\r\n")
    if exchange.is_upgrade:
        upgrade = message_find(&exchange.request, HEADER_UPGRADE)
        writer_text(writer, b"Connection: upgrade\r\n")
        writer_field(writer, span_of(b"Upgrade", 7), header_value(&exchange.request, upgrade))


cdef status_t forward_head(exchange_t *exchange, writer_t *writer) noexcept nogil:
    _put_target(exchange, exchange.service.path, writer)
    _put_host(exchange, exchange.service, exchange.connection.peer, writer)
    _put_headers(exchange, 0, writer)
    return _put_rest(exchange, writer)


cdef status_t forward_copy(exchange_t *exchange, const service_t *service, span_t path, const peer_t *peer,
                           writer_t *writer) noexcept nogil:
    _put_target(exchange, path, writer)
    _put_host(exchange, service, peer, writer)
    _put_headers(exchange, field_bit(HEADER_EXPECT), writer)    # its body follows at once
    writer_field(writer, span_text(MIRRORED), span_of(b"1", 1))
    return _put_rest(exchange, writer)


cdef status_t _put_rest(exchange_t *exchange, writer_t *writer) noexcept nogil:
    _put_forwarding(exchange, writer)
    writer_field(
        writer, exchange.snapshot.settings.request_id_name, span_of(exchange.request_id, REQUEST_ID_BYTES)
    )
    _put_framing(exchange, writer)
    writer_text(writer, b"\r\n")
    return TOO_LARGE if writer.is_full else OK

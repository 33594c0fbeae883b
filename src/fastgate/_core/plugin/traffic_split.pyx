"""traffic-split, at the end of the access phase (priority 13, where Kong has canary)."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.hash cimport hash_bytes
from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.cookie cimport cookie_find
from fastgate._core.plugin.split_rule cimport (
    split_conditions_build,
    split_rule_close,
    split_rule_fits,
    split_t,
)
from fastgate._core.plugin.split_share cimport share_next, share_of, share_set_open, share_t
from fastgate._core.proxy.exchange cimport REQUEST_ID_BYTES, exchange_t, exchange_take
from fastgate._core.proxy.policy cimport policy_answer_add, policy_refuse, policy_request_value
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED
from fastgate._core.proxy.request cimport request_take_service
from fastgate._core.reactor.reactor cimport reactor_random
from fastgate._core.snapshot.keep cimport keep_room, keep_text
from fastgate._core.snapshot.snapshot cimport (
    HASH_CONSUMER,
    HASH_COOKIE,
    HASH_HEADER,
    HASH_IP,
    HASH_NONE,
    HASH_URI_CAPTURE,
    SPLIT_OWN,
    hash_source_t,
    route_t,
    service_t,
)


HASH_SOURCES = {"none": HASH_NONE, "consumer": HASH_CONSUMER, "header": HASH_HEADER, "cookie": HASH_COOKIE, "ip": HASH_IP}


# --- whose request it is

cdef bint _issue_cookie(exchange_t *exchange, const traffic_split_t *config, span_t *text_out) noexcept nogil:
    """The answer sets it, and this request goes already where it will lead. False: no memory, or not to be issued."""
    cdef span_t start = config.cookie_start, end = config.cookie_end
    cdef char *room
    if start.len == 0:
        return False
    room = <char *>exchange_take(exchange, start.len + REQUEST_ID_BYTES + end.len)
    if room == NULL:
        return False
    memcpy(room, start.at, start.len)
    memcpy(room + start.len, exchange.request_id, REQUEST_ID_BYTES)
    memcpy(room + start.len + REQUEST_ID_BYTES, end.at, end.len)
    policy_answer_add(exchange, span_text(b"Set-Cookie"), span_of(room, start.len + REQUEST_ID_BYTES + end.len))
    text_out[0] = span_of(room + start.len, REQUEST_ID_BYTES)
    return True


cdef bint _key(exchange_t *exchange, const traffic_split_t *config, span_t *text_out) noexcept nogil:
    """What the request sticks by. False: nothing, it takes its turn."""
    if config.hash_on == HASH_CONSUMER:
        if exchange.consumer == NULL or exchange.is_anonymous:
            return False
        text_out[0] = exchange.consumer.id
        return True
    if config.hash_on == HASH_HEADER:
        return policy_request_value(exchange, config.hash_name, text_out)
    if config.hash_on == HASH_COOKIE:
        return cookie_find(&exchange.request, config.hash_name, text_out) or _issue_cookie(exchange, config, text_out)
    if config.hash_on == HASH_IP:
        text_out[0] = span_of(exchange.client_ip, exchange.client_ip_len)
        return True
    return False


# --- where it goes

cdef const service_t *_of_upstream(exchange_t *exchange, const service_t *upstream) noexcept nogil:
    """The route's own service before another upstream. NULL: no memory."""
    cdef service_t *service = <service_t *>exchange_take(exchange, sizeof(service_t))
    if service == NULL:
        return NULL
    service[0] = exchange.service[0]
    service.name = upstream.name
    service.is_plain = upstream.is_plain
    service.upstream = upstream.upstream
    service.host_header = upstream.host_header
    service.hash_on = upstream.hash_on
    service.hash_fallback = upstream.hash_fallback
    service.hash_cookie_path = upstream.hash_cookie_path
    return service


cdef void _count_in(exchange_t *exchange, uint32_t label) noexcept nogil:
    cdef const route_t *route = exchange.route
    cdef uint32_t i
    for i in range(route.n_splits):
        if route.splits[i].label == label:
            exchange.series = route.splits[i].series
            return


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const traffic_split_t *config = <const traffic_split_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const service_t *service
    cdef const split_t *split
    cdef span_t key
    cdef uint32_t i, at
    for i in range(config.n_rules):
        if split_rule_fits(&config.rules[i], exchange):
            break
    else:
        return OK
    if config.hash_on != HASH_NONE and _key(exchange, config, &key):
        at = share_of(&config.rules[i].shares, hash_bytes(key.at, key.len, 0))
    else:
        at = share_next(&config.rules[i].shares, exchange.lane.reactor.index, reactor_random(&exchange.lane.reactor))
    split = &config.rules[i].splits[at]
    service = split.service
    if service == NULL or split.is_upstream and exchange.service == NULL:
        return OK
    if split.is_upstream:
        service = _of_upstream(exchange, service)
        if service == NULL:
            return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
    _count_in(exchange, split.label)
    request_take_service(exchange, service)
    return OK


# --- building

cdef int _put_split(split_t *split, share_t *share, snapshot_t *snapshot, dict entity, dict places) except -1:
    cdef uint32_t at
    cdef str name = entity["service"] or entity["upstream"] or ""
    cdef bytes raw = name.encode()
    cdef span_t text
    split.label = SPLIT_OWN
    if entity["service"] is not None:
        at = places["services"][name]
        split.service = &snapshot.services[at]
        split.label = at
    elif entity["upstream"] is not None:
        at = places["targets"][name, 0]
        split.service = &snapshot.targets[at]
        split.is_upstream = True
        split.label = snapshot.n_services + at
    text = split.service.name if split.service != NULL else span_of(<const char *>raw, <size_t>len(raw))
    share.hash = hash_bytes(text.at, text.len, 0)
    share.weight = entity["weight"]
    return 0


cdef int _put_cookie(traffic_split_t *kept, arena_t *arena, dict config) except -1:
    if config["hash_on"] != "cookie" or not config["hash_on_cookie_issue"]:
        return 0
    ttl = config["hash_on_cookie_ttl"]
    keep_text(arena, config["hash_on_cookie"] + "=", &kept.cookie_start)
    keep_text(arena, f"; Path={config['hash_on_cookie_path']}" + (f"; Max-Age={ttl}" if ttl else "") + "; HttpOnly",
              &kept.cookie_end)
    return 0


cdef void _close(plugin_t *plugin) noexcept nogil:
    cdef traffic_split_t *config = <traffic_split_t *>plugin.config
    cdef uint32_t i
    for i in range(config.n_rules):
        split_rule_close(&config.rules[i])


cdef bint _wants_match(const service_t *service) noexcept nogil:
    return service.hash_on.source == HASH_URI_CAPTURE or service.hash_fallback.source == HASH_URI_CAPTURE


cdef int traffic_split_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef traffic_split_t *kept = <traffic_split_t *>keep_room(arena, sizeof(traffic_split_t))
    cdef uint32_t n_reactors = context["n_reactors"]
    cdef split_rule_t *rule
    cdef uint32_t at
    plugin.config = kept
    plugin.close = _close
    plugin.access = _access
    kept.hash_on = <hash_source_t><int>HASH_SOURCES[config["hash_on"]]
    keep_text(arena, config["hash_on_header"] if config["hash_on"] == "header" else config["hash_on_cookie"], &kept.hash_name)
    _put_cookie(kept, arena, config)
    kept.rules = <split_rule_t *>keep_room(arena, len(config["rules"]) * sizeof(split_rule_t))
    for entity in config["rules"]:
        rule = &kept.rules[kept.n_rules]
        kept.n_rules += 1
        split_conditions_build(rule, snapshot, entity["match"], context["consumers"])
        splits = entity["splits"]
        rule.splits = <split_t *>keep_room(arena, len(splits) * sizeof(split_t))
        rule.shares.shares = <share_t *>keep_room(arena, len(splits) * sizeof(share_t))
        for split in splits:
            at = rule.shares.n
            _put_split(&rule.splits[at], &rule.shares.shares[at], snapshot, split, context)
            plugin.wants_match |= rule.splits[at].service != NULL and _wants_match(rule.splits[at].service)
            rule.shares.n += 1
        if share_set_open(&rule.shares, arena, n_reactors) != OK:
            raise MemoryError("no memory for the configuration")
    return 0

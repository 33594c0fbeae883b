"""cors (priority 2000): preflights in access, the others' answers in header_filter, the gateway's own among them."""

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_eq, span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.message cimport HEADER_ORIGIN, header_value, message_find, message_has
from fastgate._core.includes.llhttp cimport METHOD_OPTIONS
from fastgate._core.plugin.origins cimport origins_build, origins_close, origins_has
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.policy cimport (
    policy_answer,
    policy_answer_add,
    policy_answer_drop,
    policy_request_has,
    policy_request_value,
)
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef bint _is_preflight(exchange_t *exchange) noexcept nogil:
    return (
        exchange.request.method == METHOD_OPTIONS and message_has(&exchange.request, HEADER_ORIGIN)
        and policy_request_has(exchange, span_text(b"Access-Control-Request-Method"))
    )


cdef void _set(exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    """Instead of the upstream's."""
    policy_answer_drop(exchange, name)
    policy_answer_add(exchange, name, value)


cdef void _put_origin(exchange_t *exchange, const cors_t *config) noexcept nogil:
    """Access-Control-Allow-Origin and -Credentials, and Vary where the answer is not the same for all."""
    cdef bint has_origin = message_has(&exchange.request, HEADER_ORIGIN)
    cdef bint is_open = config.origins.has_all and not config.credentials
    cdef span_t allowed = span_text(b"")
    if config.origins.only.len:
        allowed = config.origins.only           # whoever asks, as Kong does
    elif has_origin and not is_open:
        allowed = header_value(&exchange.request, message_find(&exchange.request, HEADER_ORIGIN))
        if not origins_has(&config.origins, allowed, exchange.lane.scratch):
            allowed.len = 0
    elif config.origins.has_all:
        allowed = span_text(b"*")
    policy_answer_drop(exchange, span_text(b"Access-Control-Allow-Origin"))
    if allowed.len:
        policy_answer_add(exchange, span_text(b"Access-Control-Allow-Origin"), allowed)
    if config.credentials:
        policy_answer_drop(exchange, span_text(b"Access-Control-Allow-Credentials"))
        # With "*" browsers take no credentials.
        if allowed.len and not span_eq(allowed, span_text(b"*")):
            policy_answer_add(exchange, span_text(b"Access-Control-Allow-Credentials"), span_text(b"true"))
    if not is_open or not config.allow_origin_absent:
        policy_answer_add(exchange, span_text(b"Vary"), span_text(b"Origin"))


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const cors_t *config = <const cors_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t value
    if not _is_preflight(exchange) or config.preflight_continue:
        return OK
    _put_origin(exchange, config)
    policy_answer_add(exchange, span_text(b"Access-Control-Allow-Methods"), config.methods)
    if config.headers.len:
        policy_answer_add(exchange, span_text(b"Access-Control-Allow-Headers"), config.headers)
    elif policy_request_value(exchange, span_text(b"Access-Control-Request-Headers"), &value):
        policy_answer_add(exchange, span_text(b"Access-Control-Allow-Headers"), value)
    if config.max_age.len:
        policy_answer_add(exchange, span_text(b"Access-Control-Max-Age"), config.max_age)
    if (
        config.private_network
        and policy_request_value(exchange, span_text(b"Access-Control-Request-Private-Network"), &value)
        and span_eq(value, span_text(b"true"))
    ):
        policy_answer_add(exchange, span_text(b"Access-Control-Allow-Private-Network"), span_text(b"true"))
    return policy_answer(exchange, 200, span_text(b""), span_text(b""))


cdef status_t _header_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const cors_t *config = <const cors_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    if _is_preflight(exchange):
        return OK                               # answered above, or the upstream's to answer
    if not config.allow_origin_absent and not message_has(&exchange.request, HEADER_ORIGIN):
        policy_answer_add(exchange, span_text(b"Vary"), span_text(b"Origin"))
        return OK
    _put_origin(exchange, config)
    if config.exposed_headers.len:
        _set(exchange, span_text(b"Access-Control-Expose-Headers"), config.exposed_headers)
    return OK


cdef void _close(plugin_t *plugin) noexcept nogil:
    origins_close(&(<cors_t *>plugin.config).origins)


cdef int cors_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef cors_t *kept = <cors_t *>keep_room(arena, sizeof(cors_t))
    plugin.config = kept
    plugin.close = _close
    plugin.access = _access
    plugin.header_filter = _header_filter
    origins_build(&kept.origins, arena, config["origins"])
    keep_text(arena, ",".join(config["methods"]), &kept.methods)
    keep_text(arena, ",".join(config["headers"] or ()), &kept.headers)
    keep_text(arena, ",".join(config["exposed_headers"] or ()), &kept.exposed_headers)
    keep_text(arena, "" if config["max_age"] is None else str(config["max_age"]), &kept.max_age)
    kept.credentials = config["credentials"]
    kept.private_network = config["private_network"]
    kept.preflight_continue = config["preflight_continue"]
    kept.allow_origin_absent = config["allow_origin_absent"]
    return 0

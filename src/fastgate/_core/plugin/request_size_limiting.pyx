"""request-size-limiting (priority 951): by Content-Length at once, else counted while the body comes."""

from libc.stdint cimport uint64_t

from fastgate._core.base.span cimport span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.message cimport HEADER_EXPECT, message_has
from fastgate._core.http.parser cimport FRAMING_CHUNKED, FRAMING_LENGTH
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.policy cimport policy_refuse
from fastgate._core.proxy.reply cimport TEXT_BODY_TOO_LARGE
from fastgate._core.snapshot.keep cimport keep_room


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const request_size_limiting_t *config = <const request_size_limiting_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef bint is_over = False
    if exchange.parser.framing == FRAMING_LENGTH:
        is_over = exchange.parser.content_length > config.allowed_bytes
    elif exchange.parser.framing == FRAMING_CHUNKED:
        if config.needs_length:
            return policy_refuse(exchange, 411, span_text(b"A valid Content-Length header is required"))
        # Some of it may have come with the head and is counted already.
        is_over = exchange.parser.body_bytes > config.allowed_bytes
        exchange.body_bytes_over = config.allowed_bytes + 1
    if is_over:
        return policy_refuse(
            exchange, 417 if message_has(&exchange.request, HEADER_EXPECT) else 413, span_text(TEXT_BODY_TOO_LARGE)
        )
    return OK


cdef int request_size_limiting_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef request_size_limiting_t *kept = <request_size_limiting_t *>keep_room(&snapshot.arena, sizeof(request_size_limiting_t))
    cdef uint64_t size = config["allowed_payload_size"]
    kept.allowed_bytes = size << {"bytes": 0, "kilobytes": 10, "megabytes": 20}[config["size_unit"]]
    kept.needs_length = config["require_content_length"]
    plugin.access = _access
    plugin.config = kept
    return 0

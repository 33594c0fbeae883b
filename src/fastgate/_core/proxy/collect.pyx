"""The client is read on as if an upstream took it all; downstream.pyx calls phases_collected at the end of the body.

What is collected lies in exchange.kept, where bodies wait for another try anyway, and is freed with an answer's head.
"""

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.buffer cimport buffer_clear, buffer_len, buffer_put
from fastgate._core.base.span cimport span_of, span_text
from fastgate._core.base.status cimport AGAIN, OK
from fastgate._core.http.message cimport HEADER_EXPECT, message_drop_name, message_has
from fastgate._core.http.parser cimport FRAMING_LENGTH
from fastgate._core.net.stream cimport stream_send
from fastgate._core.proxy.policy cimport policy_refuse
from fastgate._core.proxy.reply cimport TEXT_BODY_TOO_LARGE
from fastgate._core.reactor.reactor cimport reactor_defer


cdef const char *CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


cdef void _expect_body(exchange_t *exchange) noexcept nogil:
    """A client that waits to be asked for its body is asked here: the upstream gets it without having asked."""
    if not message_has(&exchange.request, HEADER_EXPECT):
        return
    message_drop_name(&exchange.request, span_text(b"Expect"))
    if exchange.parser.wire_bytes == 0 and exchange.request.http_minor:
        # A client that is gone is noticed when it is read.
        stream_send(&exchange.client.stream, CONTINUE, span_text(CONTINUE).len)


cdef status_t collect_body(const plugin_t *plugin, exchange_t *exchange, uint64_t most) noexcept nogil:
    cdef uint64_t size = buffer_len(&exchange.kept)
    if not exchange.parser.is_complete and exchange.parser.framing == FRAMING_LENGTH:
        size = exchange.parser.content_length
    if size > most:
        return policy_refuse(exchange, 413, span_text(TEXT_BODY_TOO_LARGE))
    if not exchange.is_collected:
        exchange.is_collected = True
        own_add_u64(&exchange.lane.reactor.counters.bodies_collected, 1)
    if exchange.parser.is_complete:
        return OK
    exchange.collector = plugin
    if exchange.body_bytes_over == 0 or most < exchange.body_bytes_over - 1:
        exchange.body_bytes_over = most + 1
    _expect_body(exchange)
    if exchange.client.stream.is_readable:
        reactor_defer(&exchange.lane.reactor, &exchange.client.stream.source)   # no event would tell again
    return AGAIN


cdef span_t collect_text(const exchange_t *exchange) noexcept nogil:
    return span_of(exchange.kept.data + exchange.kept.start, buffer_len(&exchange.kept))


cdef bint collect_replace(exchange_t *exchange, span_t body) noexcept nogil:
    buffer_clear(&exchange.kept)
    if not buffer_put(&exchange.kept, body.at, body.len):
        return False
    # It is all parsed: from here on these only tell how it is sent.
    exchange.parser.framing = FRAMING_LENGTH
    exchange.parser.content_length = body.len
    buffer_clear(&exchange.parser.trailers)
    return True

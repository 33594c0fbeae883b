"""Answering exchange.refusal, with the fields that its status asks for."""

from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.writer cimport writer_open, writer_put, writer_span, writer_t, writer_text
from fastgate._core.http.parser cimport (
    PARSER_HEAD_TOO_LARGE,
    PARSER_NO_MEMORY,
    PARSER_REFUSED_ABOVE,
    PARSER_URI_TOO_LONG,
    PARSER_VERSION,
)
from fastgate._core.observe.access_record cimport SOURCE_GATEWAY
from fastgate._core.proxy.exchange cimport exchange_path, exchange_query
from fastgate._core.proxy.reply cimport (
    REPLY_FIELDS_BYTES,
    TEXT_BAD_REQUEST,
    TEXT_HEAD_TOO_LARGE,
    TEXT_OVERLOADED,
    TEXT_URI_TOO_LONG,
    TEXT_VERSION,
    reply_send,
    reply_send_body,
)


cdef span_t _fields(exchange_t *exchange) noexcept nogil:
    """Header lines, at the start of lane.output."""
    cdef writer_t writer
    writer_open(&writer, exchange.lane.output, REPLY_FIELDS_BYTES)
    if exchange.https_status == 426:
        writer_text(&writer, b"Upgrade: TLS/1.2, HTTP/1.1\r\nConnection: Upgrade\r\n")
    elif exchange.https_status:
        writer_text(&writer, b"Location: https://")
        writer_put(&writer, exchange.host, exchange.host_len)
        writer_span(&writer, exchange_path(exchange) if exchange.path_len else span_of(b"/", 1))
        if exchange.has_query:
            writer_text(&writer, b"?")
            writer_span(&writer, exchange_query(exchange))
        writer_text(&writer, b"\r\n")
    elif exchange.refusal == 426 and exchange.is_websocket:
        writer_text(&writer, b"Sec-WebSocket-Version: 13\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n")
    elif exchange.refusal == 405 and exchange.route == NULL:
        writer_text(&writer, b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n")
    return span_of(writer.start, <size_t>(writer.at - writer.start))


cdef void refusal_of_bytes(exchange_t *exchange) noexcept nogil:
    cdef unsigned fault = exchange.parser.fault
    if fault == PARSER_REFUSED_ABOVE:
        return                          # noted by whoever refused
    exchange.https_status = 0
    if fault == PARSER_HEAD_TOO_LARGE:
        exchange.refusal = 431
        exchange.refusal_text = span_text(TEXT_HEAD_TOO_LARGE)
    elif fault == PARSER_URI_TOO_LONG:
        exchange.refusal = 414
        exchange.refusal_text = span_text(TEXT_URI_TOO_LONG)
    elif fault == PARSER_VERSION:
        exchange.refusal = 505
        exchange.refusal_text = span_text(TEXT_VERSION)
    elif fault == PARSER_NO_MEMORY:
        exchange.refusal = 503
        exchange.refusal_text = span_text(TEXT_OVERLOADED)
    else:
        exchange.refusal = 400
        exchange.refusal_text = span_text(TEXT_BAD_REQUEST)


cdef void refusal_send(exchange_t *exchange) noexcept nogil:
    if exchange.refusal_type.at != NULL:
        reply_send_body(
            exchange, exchange.refusal, exchange.refusal_type, exchange.refusal_text, _fields(exchange), SOURCE_GATEWAY
        )
    else:
        reply_send(exchange, exchange.refusal, exchange.refusal_text, _fields(exchange), SOURCE_GATEWAY)

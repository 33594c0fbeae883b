"""A short answer with a body in the form the client accepts: JSON, HTML, XML or plain text."""

from libc.stdint cimport uint8_t, uint16_t, uint64_t
from libc.string cimport strlen

from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport ascii_lower, span_of, span_t
from fastgate._core.base.status cimport OK
from fastgate._core.base.writer cimport (
    writer_field,
    writer_number,
    writer_open,
    writer_put,
    writer_span,
    writer_t,
    writer_text,
)
from fastgate._core.http.message cimport header_t, header_value, message_find_name
from fastgate._core.http.status_line cimport reason_phrase
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.net.stream cimport stream_send
from fastgate._core.proxy.exchange cimport (
    LANE_OUTPUT_BYTES,
    REQUEST_ID_BYTES,
    exchange_t,
    gate_is_draining,
    lane_date,
    lane_t,
)
from fastgate._core.proxy.own_fields cimport SERVER


cdef enum:
    BODY_BYTES = 1024


cdef enum form_t:
    FORM_JSON
    FORM_HTML
    FORM_XML
    FORM_PLAIN


cdef bint _mentions(span_t value, const char *word) noexcept nogil:
    cdef size_t len = strlen(word)
    cdef size_t i, k
    for i in range(value.len - len + 1 if value.len >= len else 0):
        k = 0
        while k < len and ascii_lower(value.at[i + k]) == word[k]:
            k += 1
        if k == len:
            return True
    return False


cdef form_t _form_of(exchange_t *exchange) noexcept nogil:
    """Kong's choice: JSON unless the client asks for something else by name."""
    cdef const header_t *accept
    cdef span_t value
    if not exchange.parser.is_head_done:
        return FORM_JSON
    accept = message_find_name(&exchange.request, span_of(b"accept", 6), 0)
    if accept == NULL:
        return FORM_JSON
    value = header_value(&exchange.request, accept)
    if _mentions(value, b"application/json") or _mentions(value, b"*/*") and not _mentions(value, b"text/html"):
        return FORM_JSON
    if _mentions(value, b"text/html"):
        return FORM_HTML
    if _mentions(value, b"application/xml") or _mentions(value, b"text/xml"):
        return FORM_XML
    return FORM_PLAIN if _mentions(value, b"text/plain") else FORM_JSON


cdef const char *_content_type(form_t form) noexcept nogil:
    if form == FORM_HTML:
        return b"Content-Type: text/html; charset=utf-8\r\n"
    if form == FORM_XML:
        return b"Content-Type: application/xml; charset=utf-8\r\n"
    if form == FORM_PLAIN:
        return b"Content-Type: text/plain; charset=utf-8\r\n"
    return b"Content-Type: application/json; charset=utf-8\r\n"


cdef void _put_body(writer_t *body, form_t form, const char *text, span_t request_id) noexcept nogil:
    """All texts are constants of reply.pxd: nothing of the client's is echoed."""
    if form == FORM_HTML:
        writer_text(body, b"<!doctype html>\n<html><head><title>")
        writer_text(body, text)
        writer_text(body, b"</title></head><body><h1>")
        writer_text(body, text)
        writer_text(body, b"</h1><p>Request id: ")
        writer_span(body, request_id)
        writer_text(body, b"</p></body></html>\n")
    elif form == FORM_XML:
        writer_text(body, b'<?xml version="1.0" encoding="UTF-8"?>\n<error><message>')
        writer_text(body, text)
        writer_text(body, b"</message><requestid>")
        writer_span(body, request_id)
        writer_text(body, b"</requestid></error>\n")
    elif form == FORM_PLAIN:
        writer_text(body, text)
        writer_text(body, b"\nrequest_id: ")
        writer_span(body, request_id)
        writer_text(body, b"\n")
    else:
        writer_text(body, b'{"message":"')
        writer_text(body, text)
        writer_text(body, b'","request_id":"')
        writer_span(body, request_id)
        writer_text(body, b'"}')


cdef void reply_send(exchange_t *exchange, unsigned status, const char *text, span_t fields,
                     access_source_t source) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef writer_t head, body
    cdef char body_room[BODY_BYTES]
    cdef form_t form = _form_of(exchange)
    cdef span_t request_id = span_of(exchange.request_id, REQUEST_ID_BYTES)
    cdef bint keeps_alive = (
        exchange.parser.is_complete and exchange.parser.keeps_alive and not exchange.client.is_closing
        and not gate_is_draining(lane.gate)
    )
    writer_open(&body, body_room, BODY_BYTES)
    _put_body(&body, form, text, request_id)
    # Behind what `fields` may occupy at the start of the room.
    writer_open(&head, lane.output + LANE_OUTPUT_BYTES // 2, LANE_OUTPUT_BYTES // 2)
    writer_text(&head, b"HTTP/1.1 ")
    writer_number(&head, status)
    writer_text(&head, b" ")
    writer_text(&head, reason_phrase(status))
    writer_text(&head, b"\r\n")
    writer_field(&head, span_of(b"Date", 4), lane_date(lane))
    writer_text(&head, SERVER)
    writer_text(&head, _content_type(form))
    writer_text(&head, b"Content-Length: ")
    writer_number(&head, <uint64_t>(body.at - body.start))
    writer_text(&head, b"\r\n")
    writer_span(&head, fields)
    writer_span(&head, exchange.snapshot.settings.response_latency_name)
    writer_text(&head, b": ")
    writer_number(&head, (lane.reactor.now_ns - exchange.opened_ns) // NS_PER_MS)
    writer_text(&head, b"\r\n")
    writer_field(&head, exchange.snapshot.settings.request_id_name, request_id)
    if not keeps_alive:
        exchange.client.is_closing = True
        if fields.len == 0 or not _mentions(fields, b"connection:"):
            writer_text(&head, b"Connection: close\r\n")
    elif exchange.request.http_minor == 0:
        writer_text(&head, b"Connection: keep-alive\r\n")
    writer_text(&head, b"\r\n")
    if not (exchange.parser.is_head_done and exchange.request.method == METHOD_HEAD):
        writer_put(&head, body.start, <size_t>(body.at - body.start))
        exchange.body_bytes_out = <uint64_t>(body.at - body.start)
    exchange.status = <uint16_t>status
    exchange.source = <uint8_t>source
    exchange.is_head_sent = True
    exchange.is_answered = True
    exchange.ended_ns = lane.reactor.now_ns
    if stream_send(&exchange.client.stream, head.start, <size_t>(head.at - head.start)) != OK:
        exchange.client.is_closing = True

"""Answers with a message in the form the client accepts, or with a whole body that a plugin gives."""

from libc.stdint cimport uint8_t, uint16_t
from libc.string cimport memset, strlen

from fastgate._core.base.buffer cimport buffer_clear, buffer_span
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport ascii_lower, span_none, span_of, span_t, span_text
from fastgate._core.base.status cimport AGAIN, DONE, OK, status_t
from fastgate._core.base.writer cimport (
    writer_field,
    writer_number,
    writer_open,
    writer_put,
    writer_span,
    writer_t,
    writer_text,
)
from fastgate._core.http.message cimport HEADER_DATE, HEADER_SERVER, header_t, header_value, message_find_name
from fastgate._core.http.status_line cimport reason_phrase
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.includes.socket cimport iovec
from fastgate._core.net.stream cimport stream_write
from fastgate._core.observe.access_record cimport SOURCE_GATEWAY
from fastgate._core.observe.escape cimport ESCAPE_MAX, escape_json
from fastgate._core.proxy.exchange cimport (
    LANE_OUTPUT_BYTES,
    REQUEST_ID_BYTES,
    additions_t,
    exchange_t,
    gate_is_draining,
    lane_date,
    lane_t,
    withheld_t,
)
from fastgate._core.proxy.own_fields cimport SERVER
from fastgate._core.proxy.park cimport park_leave
from fastgate._core.proxy.pass_fields cimport has_added, put_added
from fastgate._core.proxy.phases cimport phases_filter_begin, phases_header_filter, phases_meet_rest
from fastgate._core.proxy.policy cimport policy_answer_add
from fastgate._core.proxy.withhold cimport withhold_drop, withhold_filter, withhold_reply


cdef enum:
    # lane.output: header lines of the caller's, then a message's body, then the head
    BODY_AT = REPLY_FIELDS_BYTES
    HEAD_AT = LANE_OUTPUT_BYTES // 2


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


cdef span_t _content_type(form_t form) noexcept nogil:
    if form == FORM_HTML:
        return span_text(b"text/html; charset=utf-8")
    if form == FORM_XML:
        return span_text(b"application/xml; charset=utf-8")
    if form == FORM_PLAIN:
        return span_text(b"text/plain; charset=utf-8")
    return span_text(b"application/json; charset=utf-8")


cdef void _put_markup(writer_t *body, span_t text) noexcept nogil:
    """Text in HTML or XML, with what would be markup escaped."""
    cdef size_t i
    cdef char c
    for i in range(text.len):
        c = text.at[i]
        if c == c'<':
            writer_text(body, b"&lt;")
        elif c == c'&':
            writer_text(body, b"&amp;")
        elif c == c'>':
            writer_text(body, b"&gt;")
        elif c == c'"':
            writer_text(body, b"&quot;")
        else:
            writer_put(body, text.at + i, 1)


cdef void _put_body(writer_t *body, form_t form, span_t text, span_t request_id) noexcept nogil:
    if form == FORM_HTML:
        writer_text(body, b"<!doctype html>\n<html><head><title>")
        _put_markup(body, text)
        writer_text(body, b"</title></head><body><h1>")
        _put_markup(body, text)
        writer_text(body, b"</h1><p>Request id: ")
        writer_span(body, request_id)
        writer_text(body, b"</p></body></html>\n")
    elif form == FORM_XML:
        writer_text(body, b'<?xml version="1.0" encoding="UTF-8"?>\n<error><message>')
        _put_markup(body, text)
        writer_text(body, b"</message><requestid>")
        writer_span(body, request_id)
        writer_text(body, b"</requestid></error>\n")
    elif form == FORM_PLAIN:
        writer_span(body, text)
        writer_text(body, b"\nrequest_id: ")
        writer_span(body, request_id)
        writer_text(body, b"\n")
    else:
        writer_text(body, b'{"message":"')
        if text.len * ESCAPE_MAX > <size_t>(body.end - body.at):
            text.len = 0        # no message of a configuration is as long (config/plugins)
        body.at = escape_json(body.at, text)
        writer_text(body, b'","request_id":"')
        writer_span(body, request_id)
        writer_text(body, b'"}')


cdef span_t _message(exchange_t *exchange, form_t form, span_t text) noexcept nogil:
    cdef writer_t body
    writer_open(&body, exchange.lane.output + BODY_AT, HEAD_AT - BODY_AT)
    _put_body(&body, form, text, span_of(exchange.request_id, REQUEST_ID_BYTES))
    return span_of(body.start, <size_t>(body.at - body.start))


cdef void reply_send(exchange_t *exchange, unsigned status, span_t text, span_t fields,
                     access_source_t source) noexcept nogil:
    cdef form_t form = _form_of(exchange)
    reply_send_body(exchange, status, _content_type(form), _message(exchange, form, text), fields, source)


cdef inline bint _is_bodiless(unsigned status) noexcept nogil:
    """Clients read no body of these, whatever the head says (RFC 9112 section 6.3)."""
    return status == 204 or status == 304


cdef void _put_head(exchange_t *exchange, unsigned status, span_t type, size_t body_len, span_t fields,
                    writer_t *head) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef bint keeps_alive = (
        exchange.parser.is_complete and exchange.parser.keeps_alive and not exchange.client.is_closing
        and not gate_is_draining(lane.gate)
    )
    writer_text(head, b"HTTP/1.1 ")
    writer_number(head, status)
    writer_text(head, b" ")
    writer_text(head, reason_phrase(status))
    writer_text(head, b"\r\n")
    if not has_added(exchange, &exchange.answer_added, HEADER_DATE, span_text(b"Date")):
        writer_field(head, span_of(b"Date", 4), lane_date(lane))
    if not has_added(exchange, &exchange.answer_added, HEADER_SERVER, span_text(b"Server")):
        writer_text(head, SERVER)
    if type.len:
        writer_field(head, span_of(b"Content-Type", 12), type)
    if not _is_bodiless(status):
        writer_text(head, b"Content-Length: ")
        writer_number(head, body_len)
        writer_text(head, b"\r\n")
    writer_span(head, fields)
    put_added(&exchange.answer_added, head)
    writer_span(head, exchange.snapshot.settings.response_latency_name)
    writer_text(head, b": ")
    writer_number(head, (lane.reactor.now_ns - exchange.opened_ns) // NS_PER_MS)
    writer_text(head, b"\r\n")
    writer_field(
        head, exchange.snapshot.settings.request_id_name, span_of(exchange.request_id, REQUEST_ID_BYTES)
    )
    if not keeps_alive:
        exchange.client.is_closing = True
        if fields.len == 0 or not _mentions(fields, b"connection:"):
            writer_text(head, b"Connection: close\r\n")
    elif exchange.request.http_minor == 0:
        writer_text(head, b"Connection: keep-alive\r\n")
    writer_text(head, b"\r\n")


cdef void reply_send_body(exchange_t *exchange, unsigned status, span_t type, span_t body, span_t fields,
                          access_source_t source) noexcept nogil:
    exchange.answer.n_headers = 0           # of an upstream's answer that was no good
    exchange.answer.known = 0
    park_leave(exchange)
    phases_meet_rest(exchange)
    if exchange.withheld != NULL:
        withhold_drop(exchange)
    if type.len and (exchange.n_filters or (exchange.chain != NULL and exchange.chain.logs)):
        phases_filter_begin(exchange)
        # Where header filters can change it, and log calls find it.
        policy_answer_add(exchange, span_text(b"Content-Type"), type)
        type.len = 0
    if exchange.withholds and withhold_reply(exchange, status, body, fields, source):
        reply_go_on(exchange)
        return
    phases_header_filter(exchange)
    _send(exchange, status, type, body, fields, source)


cdef void reply_go_on(exchange_t *exchange) noexcept nogil:
    cdef withheld_t *withheld = exchange.withheld
    cdef status_t status = withhold_filter(exchange)
    if status == AGAIN:
        return
    if status == DONE:
        reply_send(exchange, exchange.refusal, exchange.refusal_text, span_none(), SOURCE_GATEWAY)
        return
    _send(
        exchange, withheld.status, span_none(), buffer_span(&withheld.body), buffer_span(&withheld.fields),
        <access_source_t>withheld.source,
    )
    buffer_clear(&withheld.body)
    buffer_clear(&withheld.fields)


cdef void _send(exchange_t *exchange, unsigned status, span_t type, span_t body, span_t fields,
                access_source_t source) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef writer_t head
    cdef iovec parts[2]
    cdef form_t form
    if exchange.answer_added.is_short:      # a 401 without its challenge, a page without its type: better neither
        memset(&exchange.answer_added, 0, sizeof(additions_t))
        form = _form_of(exchange)
        status = 503
        type = _content_type(form)
        body = _message(exchange, form, span_text(TEXT_OVERLOADED))
        fields = span_none()
        source = SOURCE_GATEWAY
        exchange.client.is_closing = True
    if status == 205:
        body.len = 0                        # nothing to show, and a length that says so (RFC 9110 section 15.3.6)
    # Behind what `fields` and a message may occupy in the room.
    writer_open(&head, lane.output + HEAD_AT, LANE_OUTPUT_BYTES - HEAD_AT)
    _put_head(exchange, status, type, body.len, fields, &head)
    if (exchange.parser.is_head_done and exchange.request.method == METHOD_HEAD) or _is_bodiless(status):
        body.len = 0
    exchange.body_bytes_out = body.len
    exchange.status = <uint16_t>status
    exchange.source = <uint8_t>source
    exchange.is_head_sent = True
    exchange.is_answered = True
    exchange.ended_ns = lane.reactor.now_ns
    parts[0].iov_base = head.start
    parts[0].iov_len = <size_t>(head.at - head.start)
    parts[1].iov_base = <void *>body.at
    parts[1].iov_len = body.len
    if head.is_full or stream_write(&exchange.client.stream, parts, 2 if body.len else 1) != OK:
        exchange.client.is_closing = True

"""Rewriting an answer's head: framing for this client, hop-by-hop fields out, the gateway's in."""

from libc.stdint cimport uint8_t, uint64_t

from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.writer cimport writer_field, writer_number, writer_put, writer_span, writer_t, writer_text
from fastgate._core.http.message cimport (
    HEADER_CONTENT_LENGTH,
    HEADER_DATE,
    HEADER_SERVER,
    HEADER_UPGRADE,
    header_value,
    message_has,
    message_t,
)
from fastgate._core.http.status_line cimport reason_phrase
from fastgate._core.http.parser cimport (
    FRAMING_CHUNKED,
    FRAMING_LENGTH,
    FRAMING_NONE,
    FRAMING_UNTIL_CLOSE,
)
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.proxy.exchange cimport REQUEST_ID_BYTES, exchange_t, gate_is_draining, lane_date
from fastgate._core.proxy.own_fields cimport SERVER, VIA
from fastgate._core.proxy.pass_fields cimport field_bit, has_added, pass_fields, put_added
from fastgate._core.proxy.phases cimport phases_header_filter
from fastgate._core.proxy.withhold cimport withhold_put_framing
from fastgate._core.snapshot.snapshot cimport settings_t


cdef enum:
    STATUS_UPGRADE_REQUIRED = 426


cdef void _put_status_line(exchange_t *exchange, writer_t *writer) noexcept nogil:
    writer_text(writer, b"HTTP/1.1 ")
    if exchange.withheld != NULL and exchange.withheld.status != exchange.answer.status:
        writer_number(writer, exchange.withheld.status)
        writer_text(writer, b" ")
        writer_text(writer, reason_phrase(exchange.withheld.status))
        writer_text(writer, b"\r\n")
        return
    writer_number(writer, exchange.answer.status)
    writer_text(writer, b" ")
    writer_put(writer, exchange.answer.base + exchange.answer_parser.reason, exchange.answer_parser.reason_len)
    writer_text(writer, b"\r\n")


cdef void _put_headers(exchange_t *exchange, writer_t *writer) noexcept nogil:
    # 426 names the protocols to switch to; 101 is written apart.
    cdef bint names_protocols = exchange.answer.status == STATUS_UPGRADE_REQUIRED
    pass_fields(
        &exchange.answer, &exchange.snapshot.settings, 0 if names_protocols else field_bit(HEADER_UPGRADE), writer
    )


cdef void _put_framing(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef unsigned framing = exchange.answer_parser.framing
    cdef bint states_length = message_has(&exchange.answer, HEADER_CONTENT_LENGTH)
    cdef bint is_head = exchange.request.method == METHOD_HEAD
    if exchange.withheld != NULL and withhold_put_framing(exchange, writer):
        return
    if is_head and framing != FRAMING_LENGTH:
        framing = FRAMING_NONE              # asked as something else: of its body the length is told, if it is known
    exchange.answer_framing = <uint8_t>(FRAMING_NONE if is_head else framing)
    if not is_head and exchange.upstream_method == METHOD_HEAD and exchange.answer.status != 204 and exchange.answer.status != 304:
        writer_text(writer, b"Content-Length: 0\r\n")     # the client waits for a body that was not asked for
    elif framing == FRAMING_LENGTH or (
        framing == FRAMING_NONE and states_length and exchange.answer.status != 204
    ):
        writer_text(writer, b"Content-Length: ")
        writer_number(writer, exchange.answer_parser.content_length)
        writer_text(writer, b"\r\n")
    elif framing == FRAMING_CHUNKED or framing == FRAMING_UNTIL_CLOSE:
        if exchange.request.http_minor:
            writer_text(writer, b"Transfer-Encoding: chunked\r\n")
            exchange.answer_framing = FRAMING_CHUNKED
        else:
            exchange.answer_framing = FRAMING_UNTIL_CLOSE
            exchange.client.is_closing = True


cdef void _put_persistence(exchange_t *exchange, writer_t *writer) noexcept nogil:
    if not exchange.parser.keeps_alive or not exchange.parser.is_complete or gate_is_draining(exchange.lane.gate):
        # An answer before the request's end: the rest of it will not be waited for.
        exchange.client.is_closing = True
    if exchange.client.is_closing:
        writer_text(writer, b"Connection: close\r\n")
    elif exchange.request.http_minor == 0:
        writer_text(writer, b"Connection: keep-alive\r\n")
    elif exchange.answer.status == STATUS_UPGRADE_REQUIRED:
        writer_text(writer, b"Connection: upgrade\r\n")


cdef void _put_milliseconds(writer_t *writer, span_t name, uint64_t ns) noexcept nogil:
    writer_span(writer, name)
    writer_text(writer, b": ")
    writer_number(writer, ns // NS_PER_MS)
    writer_text(writer, b"\r\n")


cdef void _put_cookie(exchange_t *exchange, writer_t *writer) noexcept nogil:
    """Balancing by cookie: a client without one is given one (Kong's hash_on_cookie)."""
    if exchange.cookie_value[0] == 0:
        return
    writer_text(writer, b"Set-Cookie: ")
    writer_span(writer, exchange.service.hash_on.name)
    writer_text(writer, b"=")
    writer_put(writer, exchange.cookie_value, REQUEST_ID_BYTES)
    writer_text(writer, b"; Path=")
    writer_span(writer, exchange.service.hash_cookie_path)
    writer_text(writer, b"; HttpOnly\r\n")


cdef void answer_head(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef const settings_t *settings = &exchange.snapshot.settings
    cdef bint has_date, has_server
    phases_header_filter(exchange)
    if exchange.answer_added.is_short:
        writer.is_full = True               # no head is better than half of one: reply.pyx answers
    # Before plugins took them out: then they stay out.
    has_date = exchange.answer_known >> <unsigned>HEADER_DATE & 1
    has_server = exchange.answer_known >> <unsigned>HEADER_SERVER & 1
    _put_status_line(exchange, writer)
    _put_headers(exchange, writer)
    _put_framing(exchange, writer)
    _put_persistence(exchange, writer)
    _put_cookie(exchange, writer)
    if not has_date and not has_added(exchange, &exchange.answer_added, HEADER_DATE, span_text(b"Date")):
        writer_field(writer, span_of(b"Date", 4), lane_date(exchange.lane))
    if not has_server and not has_added(exchange, &exchange.answer_added, HEADER_SERVER, span_text(b"Server")):
        writer_text(writer, SERVER)
    put_added(&exchange.answer_added, writer)
    writer_text(writer, VIA)
    _put_milliseconds(writer, settings.upstream_latency_name, exchange.answered_ns - exchange.forwarded_ns)
    _put_milliseconds(writer, settings.proxy_latency_name, exchange.forwarded_ns - exchange.opened_ns)
    writer_field(writer, settings.request_id_name, span_of(exchange.request_id, REQUEST_ID_BYTES))
    writer_text(writer, b"\r\n")


cdef void answer_interim_head(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef const message_t *answer = &exchange.answer
    cdef unsigned i
    _put_status_line(exchange, writer)
    if answer.status == 101:
        writer_text(writer, b"Connection: upgrade\r\n")
        for i in range(answer.n_headers):
            if answer.headers[i].id == HEADER_UPGRADE:
                writer_field(writer, span_of(b"Upgrade", 7), header_value(answer, &answer.headers[i]))
    _put_headers(exchange, writer)
    if answer.status == 101:
        writer_text(writer, VIA)
        writer_field(
            writer, exchange.snapshot.settings.request_id_name, span_of(exchange.request_id, REQUEST_ID_BYTES)
        )
    writer_text(writer, b"\r\n")

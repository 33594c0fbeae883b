"""The stages of a withheld answer: header filters, its body collected, body filters."""

from libc.stdint cimport uint8_t, uint16_t

from fastgate._core.base.buffer cimport buffer_clear, buffer_len, buffer_put
from fastgate._core.base.span cimport span_none, span_t
from fastgate._core.base.status cimport AGAIN, FAILED, OK, status_t
from fastgate._core.base.writer cimport writer_number, writer_t, writer_text
from fastgate._core.http.parser cimport FRAMING_LENGTH, FRAMING_NONE
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.observe.access_record cimport access_source_t
from fastgate._core.proxy.exchange cimport (
    WITHHELD_BODY,
    WITHHELD_HEAD,
    WITHHELD_NOT,
    WITHHELD_WHOLE,
    exchange_keep_answer,
    exchange_t,
    exchange_take,
    withheld_t,
)
from fastgate._core.proxy.phases cimport phases_body_filter, phases_header_filter, phases_unfilter
from fastgate._core.proxy.policy cimport policy_refuse


cdef withheld_t *_begin(exchange_t *exchange, unsigned status) noexcept nogil:
    """NULL: no memory."""
    if exchange.withheld == NULL:
        exchange.withheld = <withheld_t *>exchange_take(exchange, sizeof(withheld_t))
    if exchange.withheld != NULL:
        exchange.withheld.status = <uint16_t>status
        exchange.withheld.stage = WITHHELD_HEAD
    return exchange.withheld


cdef status_t withhold_answer(exchange_t *exchange) noexcept nogil:
    exchange.keeps_body = False             # no other try from here on
    buffer_clear(&exchange.kept)
    if not exchange_keep_answer(exchange) or _begin(exchange, exchange.answer.status) == NULL:
        return FAILED
    return OK


cdef bint withhold_reply(exchange_t *exchange, unsigned status, span_t body, span_t fields,
                         access_source_t source) noexcept nogil:
    cdef withheld_t *withheld
    if exchange.withheld != NULL and exchange.withheld.is_over:
        return False
    withheld = _begin(exchange, status)
    if withheld == NULL:
        return False
    if not (buffer_put(&withheld.body, body.at, body.len) and buffer_put(&withheld.fields, fields.at, fields.len)):
        withhold_drop(exchange)
        return False
    withheld.source = <uint8_t>source
    withheld.is_own = True
    withheld.is_whole = True
    return True


cdef inline bint _is_bodiless(unsigned status) noexcept nogil:
    return status == 204 or status == 304


cdef bint _has_body(const exchange_t *exchange) noexcept nogil:
    if exchange.request.method == METHOD_HEAD or _is_bodiless(exchange.withheld.status):
        return False
    return exchange.withheld.is_own or not _is_bodiless(exchange.answer.status)


cdef bint _is_too_large(const exchange_t *exchange) noexcept nogil:
    """What an upstream sends; an answer of the gateway's own is here already."""
    cdef size_t most = exchange.snapshot.settings.python_body_bytes
    if exchange.withheld.is_own:
        return False
    return buffer_len(&exchange.withheld.body) > most or (
        exchange.answer_parser.framing == FRAMING_LENGTH and exchange.answer_parser.content_length > most
    )


cdef status_t withhold_filter(exchange_t *exchange) noexcept nogil:
    cdef withheld_t *withheld = exchange.withheld
    cdef status_t status
    if withheld.stage == WITHHELD_HEAD:
        status = phases_header_filter(exchange)
        if status != OK:
            return status
        withheld.stage = WITHHELD_BODY if withheld.wants_body and _has_body(exchange) else WITHHELD_NOT
    if withheld.stage == WITHHELD_BODY:
        if _is_too_large(exchange):
            withheld.is_too_large = True
            status = phases_body_filter(exchange)
            withheld.stage = WITHHELD_NOT
            return status
        if not withheld.is_whole:
            return AGAIN
        withheld.stage = WITHHELD_WHOLE
    if withheld.stage == WITHHELD_WHOLE:
        status = phases_body_filter(exchange)
        if status != OK:
            return status
        withheld.has_length = True
        withheld.stage = WITHHELD_NOT
    return OK


cdef void withhold_body(exchange_t *exchange) noexcept nogil:
    exchange.withheld.wants_body = True


cdef void withhold_drop(exchange_t *exchange) noexcept nogil:
    cdef withheld_t *withheld = exchange.withheld
    phases_unfilter(exchange)
    buffer_clear(&withheld.body)
    buffer_clear(&withheld.fields)
    withheld.stage = WITHHELD_NOT
    withheld.body_at = 0
    withheld.is_own = withheld.wants_body = withheld.is_whole = withheld.has_length = withheld.drops_body = withheld.is_too_large = False


cdef status_t withhold_fail(exchange_t *exchange, unsigned status, span_t text) noexcept nogil:
    exchange.withheld.is_over = True
    exchange.refusal_type = span_none()
    exchange.https_status = 0
    return policy_refuse(exchange, status, text)


cdef bint withhold_put_framing(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef withheld_t *withheld = exchange.withheld
    cdef bint has_none = _is_bodiless(withheld.status)
    cdef bint had_none = _is_bodiless(exchange.answer.status)
    if exchange.request.method == METHOD_HEAD and withheld.wants_body:
        exchange.answer_framing = FRAMING_NONE      # how long it would be only the filters know
        return True
    if not withheld.has_length and has_none == had_none:
        return False
    withheld.drops_body = has_none
    exchange.answer_framing = <uint8_t>(FRAMING_NONE if has_none else FRAMING_LENGTH)
    if not has_none:
        writer_text(writer, b"Content-Length: ")
        writer_number(writer, buffer_len(&withheld.body))
        writer_text(writer, b"\r\n")
    return True

"""Answers, copied for plugins in Python."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.memory cimport memory_take_zeroed
from fastgate._core.http.message cimport (
    HEADER_CONNECTION,
    HEADER_DROPPED,
    HEADER_KEEP_ALIVE,
    HEADER_OTHER,
    HEADER_PROXY_CONNECTION,
    HEADER_TE,
    HEADER_TRAILER,
    HEADER_TRANSFER_ENCODING,
    HEADER_UPGRADE,
    header_name,
    header_t,
    header_value,
)
from fastgate._core.observe.access_record cimport SOURCE_UPSTREAM
from fastgate._core.plugin.python cimport python_answer_t, python_call_t
from fastgate._core.proxy.additions cimport additions_each
from fastgate._core.proxy.exchange cimport added_t, exchange_t, withheld_t
from fastgate._core.proxy.own_fields cimport is_own_field
from fastgate._core.proxy.pass_fields cimport field_bit
from fastgate._core.proxy.withhold cimport withhold_is_on


# Ends at this hop, or was taken out.
cdef uint64_t NOT_TOLD = (
    field_bit(HEADER_DROPPED) | field_bit(HEADER_CONNECTION) | field_bit(HEADER_KEEP_ALIVE)
    | field_bit(HEADER_PROXY_CONNECTION) | field_bit(HEADER_TE) | field_bit(HEADER_TRAILER)
    | field_bit(HEADER_TRANSFER_ENCODING) | field_bit(HEADER_UPGRADE)
)


cdef bint _is_told(const exchange_t *exchange, const header_t *header) noexcept nogil:
    if NOT_TOLD >> header.id & 1:
        return False
    return header.id != HEADER_OTHER or not is_own_field(
        &exchange.snapshot.settings, header_name(&exchange.answer, header)
    )


cdef span_t _copy(char **at, span_t source) noexcept nogil:
    cdef span_t copy = span_of(at[0], source.len)
    if source.len:
        memcpy(at[0], source.at, source.len)
    at[0] += source.len
    return copy


cdef bint python_told(python_call_t *call, exchange_t *exchange, span_t body) noexcept nogil:
    cdef uint32_t n_headers = exchange.answer.n_headers if exchange.is_answer_kept else 0
    cdef const withheld_t *withheld = exchange.withheld
    cdef const added_t *added = additions_each(exchange, &exchange.answer_added)
    cdef const header_t *header
    cdef python_answer_t *answer
    cdef size_t size = sizeof(python_answer_t) + body.len
    cdef uint32_t i, n = 0
    cdef span_t *field
    cdef char *at
    for i in range(n_headers):
        header = &exchange.answer.headers[i]
        if _is_told(exchange, header):
            n += 1
            size += header.name_len + header.value_len
    while added != NULL:
        if not added.is_hidden:
            n += 1
            size += added.name.len + added.value.len
        added = added.next
    answer = <python_answer_t *>memory_take_zeroed(size + n * 2 * sizeof(span_t))
    if answer == NULL:
        return False
    answer.fields = field = <span_t *>(answer + 1)
    answer.n_fields = n
    at = <char *>(field + 2 * n)
    for i in range(n_headers):
        header = &exchange.answer.headers[i]
        if _is_told(exchange, header):
            field[0] = _copy(&at, header_name(&exchange.answer, header))
            field[1] = _copy(&at, header_value(&exchange.answer, header))
            field += 2
    added = additions_each(exchange, &exchange.answer_added)
    while added != NULL:
        if not added.is_hidden:
            field[0] = _copy(&at, added.name)
            field[1] = _copy(&at, added.value)
            field += 2
        added = added.next
    answer.fields_bytes = <uint32_t>(at - <char *>answer.fields)
    answer.body = _copy(&at, body)
    if withhold_is_on(exchange):
        answer.status = withheld.status
        answer.is_own = withheld.is_own
    else:
        answer.status = exchange.status
        answer.is_own = exchange.source != SOURCE_UPSTREAM
    call.answer = answer
    return True

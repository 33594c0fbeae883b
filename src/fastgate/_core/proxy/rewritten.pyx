"""Fields of a head are offsets from one base, added ones are anywhere: so both are copied to one place."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.writer cimport writer_open, writer_span, writer_t
from fastgate._core.http.fields cimport field_id
from fastgate._core.http.message cimport (
    HEADER_DROPPED,
    MESSAGE_MAX_HEADERS,
    header_name,
    header_t,
    header_value,
)
from fastgate._core.proxy.additions cimport additions_each
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, added_t


cdef enum:
    TABLE_BYTES = 16 * MESSAGE_MAX_HEADERS      # of header_t; the bytes are behind it


cdef bint _put(message_t *message, span_t name, span_t value, writer_t *writer) noexcept nogil:
    cdef header_t *header
    if message.n_headers == message.capacity or name.len > 0xffff:
        return False
    header = &message.headers[message.n_headers]
    message.n_headers += 1
    header.id = field_id(name.at, name.len)
    header.name = <uint32_t>(writer.at - writer.start)
    header.name_len = <uint16_t>name.len
    writer_span(writer, name)
    header.value = <uint32_t>(writer.at - writer.start)
    header.value_len = <uint32_t>value.len
    writer_span(writer, value)
    message.known |= <uint64_t>1 << header.id
    return not writer.is_full


cdef bint rewritten_message(exchange_t *exchange, message_t *message_out) noexcept nogil:
    cdef const message_t *request = &exchange.request
    cdef const added_t *added = additions_each(exchange, &exchange.request_added)
    cdef writer_t writer
    cdef unsigned i
    writer_open(&writer, exchange.lane.output + TABLE_BYTES, LANE_OUTPUT_BYTES - TABLE_BYTES)
    message_out[0] = request[0]
    message_out.base = writer.start
    message_out.headers = <header_t *>exchange.lane.output
    message_out.capacity = TABLE_BYTES // sizeof(header_t)
    message_out.n_headers = 0
    message_out.known = 0
    for i in range(request.n_headers):
        if request.headers[i].id != HEADER_DROPPED and not _put(
            message_out, header_name(request, &request.headers[i]), header_value(request, &request.headers[i]), &writer
        ):
            return False
    while added != NULL:
        if not _put(message_out, added.name, added.value, &writer):
            return False
        added = added.next
    return True

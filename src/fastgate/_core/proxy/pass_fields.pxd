"""Header fields that pass through, in either direction."""

from libc.stdint cimport uint64_t

from fastgate._core.base.span cimport span_ieq, span_t
from fastgate._core.base.writer cimport writer_field, writer_span, writer_t
from fastgate._core.http.message cimport (
    HEADER_X_FORWARDED_FOR,
    HEADER_X_FORWARDED_HOST,
    HEADER_X_FORWARDED_PATH,
    HEADER_X_FORWARDED_PORT,
    HEADER_X_FORWARDED_PREFIX,
    HEADER_X_FORWARDED_PROTO,
    HEADER_X_REAL_IP,
    header_id_t,
    message_t,
)
from fastgate._core.proxy.additions cimport additions_each
from fastgate._core.proxy.exchange cimport added_t, additions_t, exchange_t
from fastgate._core.snapshot.snapshot cimport settings_t


# Writes the message's fields, without those that end at every hop (RFC 9110 section 7.6.1), those
# its Connection names, the gateway's own, and those in `dropped` (bit: header_id_t), which only
# that direction drops.
cdef void pass_fields(const message_t *message, const settings_t *settings, uint64_t dropped,
                      writer_t *writer) noexcept nogil


cdef inline void put_added(const additions_t *added, writer_t *writer) noexcept nogil:
    """What plugins add."""
    cdef const added_t *field = added.first
    while field != NULL:
        if field.run_fields:
            writer_span(writer, field.name)
        elif not field.is_hidden:
            writer_field(writer, field.name, field.value)
        field = field.next


cdef inline bint has_added(exchange_t *exchange, additions_t *added, header_id_t id, span_t name) noexcept nogil:
    """`id` is the name's."""
    cdef const added_t *field
    if not added.known >> <unsigned>id & 1:
        return False
    field = additions_each(exchange, added)
    while field != NULL:
        if not field.is_hidden and span_ieq(field.name, name):
            return True
        field = field.next
    return False


cdef inline uint64_t field_bit(unsigned id) noexcept nogil:
    return <uint64_t>1 << id


cdef inline uint64_t forwarding_bits() noexcept nogil:
    """The fields in which Kong tells where a request comes from: forward_head writes them, and only trusted peers are heard."""
    return (
        field_bit(HEADER_X_FORWARDED_FOR) | field_bit(HEADER_X_FORWARDED_PROTO) | field_bit(HEADER_X_FORWARDED_HOST)
        | field_bit(HEADER_X_FORWARDED_PORT) | field_bit(HEADER_X_FORWARDED_PATH) | field_bit(HEADER_X_FORWARDED_PREFIX)
        | field_bit(HEADER_X_REAL_IP)
    )

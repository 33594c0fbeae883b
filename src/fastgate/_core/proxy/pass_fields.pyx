"""Copying header fields from one side to the other."""

from libc.stdint cimport uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.writer cimport writer_field, writer_t
from fastgate._core.http.connection_options cimport connection_has, connection_names_fields
from fastgate._core.http.message cimport (
    HEADER_CONNECTION,
    HEADER_CONTENT_LENGTH,
    HEADER_DROPPED,
    HEADER_KEEP_ALIVE,
    HEADER_OTHER,
    HEADER_PROXY_AUTHENTICATE,
    HEADER_PROXY_CONNECTION,
    HEADER_TE,
    HEADER_TRANSFER_ENCODING,
    header_name,
    header_t,
    header_value,
    message_t,
)
from fastgate._core.proxy.own_fields cimport is_own_field
from fastgate._core.snapshot.snapshot cimport settings_t


cdef void pass_fields(const message_t *message, const settings_t *settings, uint64_t dropped,
                      writer_t *writer) noexcept nogil:
    cdef bint has_named = connection_names_fields(message)
    cdef const header_t *header
    cdef span_t name
    cdef unsigned i
    dropped |= (
        field_bit(HEADER_DROPPED) | field_bit(HEADER_CONNECTION) | field_bit(HEADER_KEEP_ALIVE) | field_bit(HEADER_PROXY_CONNECTION)
        | field_bit(HEADER_PROXY_AUTHENTICATE) | field_bit(HEADER_TE)
        | field_bit(HEADER_TRANSFER_ENCODING) | field_bit(HEADER_CONTENT_LENGTH)    # framing is this hop's
    )
    for i in range(message.n_headers):
        header = &message.headers[i]
        if dropped & field_bit(header.id):
            continue
        name = header_name(message, header)
        if header.id == HEADER_OTHER and is_own_field(settings, name):
            continue
        if has_named and connection_has(message, name):
            continue
        writer_field(writer, name, header_value(message, header))

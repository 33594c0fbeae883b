"""The Connection field: which of the other fields end at this hop (RFC 9110 section 7.6.1)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.http.message cimport message_t


cdef enum:
    CONNECTION_MAX_BYTES = 1024     # of all Connection fields: each is read once for every other field


cdef bint connection_is_bounded(const message_t *message) noexcept nogil
cdef bint connection_names_fields(const message_t *message) noexcept nogil     # options besides close, keep-alive, upgrade, te
cdef bint connection_has(const message_t *message, span_t option) noexcept nogil

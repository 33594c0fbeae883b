"""Reading one cookie out of a request (RFC 6265 section 4.2)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.http.message cimport message_t


cdef bint cookie_find(const message_t *request, span_t name, span_t *value_out) noexcept nogil

"""Reading cookies out of a request (RFC 6265 section 4.2)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.http.message cimport message_t


cdef struct cookie_walk_t:
    # A value of the caller's, zero at first: how far it has looked.
    unsigned header
    size_t at                       # within its value


cdef bint cookie_find(const message_t *request, span_t name, span_t *value_out) noexcept nogil  # the first of that name
cdef bint cookie_next(const message_t *request, span_t name, cookie_walk_t *walk, span_t *value_out) noexcept nogil

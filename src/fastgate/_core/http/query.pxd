"""The arguments of a query, one after the other, and their decoding.

All arguments are seen here; uri_query_arg gives the first of a name. Names compare decoded, values come
out as they stand. Nothing is allocated.
"""

from libc.stdint cimport uint8_t

from fastgate._core.base.span cimport span_t


cdef struct query_arg_t:
    # A value: points into its query.
    span_t whole                # "name=value"
    span_t name                 # encoded
    span_t value                # encoded
    uint8_t has_value           # there is a "="


# Cuts the first argument off; empty ones ("&&") are passed over. False: there is no more.
cdef bint query_next(span_t *query, query_arg_t *arg_out) noexcept nogil

cdef unsigned query_count(span_t query, span_t name, query_arg_t *first_out) noexcept nogil     # how many of that name

# Escapes and "+" decoded; what is no escape stays. `out`: room for text.len bytes; it may be text.at.
cdef span_t query_decode(span_t text, char *out) noexcept nogil

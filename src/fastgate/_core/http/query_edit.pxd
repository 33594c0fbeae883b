"""Changing single arguments of a query. All others keep their place and every byte of their encoding.

Names given here are plain text, escaped where they are written; values are escaped already.
"""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.writer cimport writer_t


# Whether there is an argument of that name.
cdef bint query_has(span_t query, span_t name) noexcept nogil

# Each writes the new query, without "?". writer.is_full: it did not fit.
cdef void query_remove(span_t query, span_t name, writer_t *writer) noexcept nogil      # all of that name
# All `name`s become `new`, and those called `new` before are gone. Only where query_has(query, name).
cdef void query_rename(span_t query, span_t name, span_t new, writer_t *writer) noexcept nogil
# The first keeps its place and gets the value, the others are gone.
cdef void query_replace(span_t query, span_t name, span_t value, writer_t *writer) noexcept nogil
cdef void query_append(span_t query, span_t name, span_t value, writer_t *writer) noexcept nogil

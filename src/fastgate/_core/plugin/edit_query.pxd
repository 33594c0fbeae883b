"""An edit carried out on the arguments of a query, or on the fields of a form."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.writer cimport writer_t
from fastgate._core.plugin.edit cimport edit_t


# `value` is encoded. False: there is nothing to change, and nothing is written.
cdef bint edit_query(const edit_t *edit, span_t value, span_t query, writer_t *writer) noexcept nogil

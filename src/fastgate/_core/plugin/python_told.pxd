"""What plugins in Python are told of an answer."""

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.python cimport python_call_t
from fastgate._core.proxy.exchange cimport exchange_t


# Copies what there is of the answer, and `body`, into call.answer. False: no memory.
cdef bint python_told(python_call_t *call, exchange_t *exchange, span_t body) noexcept nogil

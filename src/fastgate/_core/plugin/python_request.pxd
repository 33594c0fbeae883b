"""What plugins in Python change of a request beyond its fields: method, path, body, service, who asks."""

from fastgate._core.plugin.python cimport python_change_t
from fastgate._core.proxy.exchange cimport exchange_t


# `failed_out`: no memory. What can't be done otherwise is refused in the exchange.
cdef void python_request_change(exchange_t *exchange, const python_change_t *change, bint *failed_out) noexcept nogil

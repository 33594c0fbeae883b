"""The log phase: counters, series, access log; once for each exchange."""

from fastgate._core.proxy.exchange cimport exchange_t


cdef void log_exchange(exchange_t *exchange) noexcept nogil

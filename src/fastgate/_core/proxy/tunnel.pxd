"""After 101: bytes both ways, each direction ending by itself (half-close)."""

from fastgate._core.proxy.exchange cimport exchange_t


cdef void tunnel_start(exchange_t *exchange) noexcept nogil
cdef void tunnel_pump(exchange_t *exchange) noexcept nogil      # either stream has something to say

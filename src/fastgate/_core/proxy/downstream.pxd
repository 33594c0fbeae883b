"""A client connection: accepted, read, timed, kept alive, closed."""

from fastgate._core.net.address cimport address_t
from fastgate._core.net.listener cimport listener_t
from fastgate._core.proxy.exchange cimport downstream_t, exchange_t, lane_t


cdef bint downstream_accept(listener_t *listener, int fd, const address_t *peer) noexcept nogil    # listener.on_accept
cdef bint downstream_may_accept(listener_t *listener) noexcept nogil        # listener.may_accept
cdef void downstream_over(exchange_t *exchange) noexcept nogil              # lane.on_over
cdef void downstream_resumed(exchange_t *exchange) noexcept nogil           # lane.on_resumed
cdef void downstream_filtered(exchange_t *exchange) noexcept nogil          # lane.on_filtered
cdef void downstream_close(downstream_t *client) noexcept nogil             # at once, whatever it does
cdef void downstream_drain(lane_t *lane) noexcept nogil                     # close those that wait for a request

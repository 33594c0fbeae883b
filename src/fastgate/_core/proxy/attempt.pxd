"""Tries: a target, a connection to it, the request on it; again elsewhere when that is safe."""

from fastgate._core.base.fault cimport fault_t
from fastgate._core.proxy.exchange cimport exchange_t


cdef void attempt_start(exchange_t *exchange) noexcept nogil        # the head is routed: send it, with what there is of the body
cdef void attempt_failed(exchange_t *exchange, fault_t fault) noexcept nogil  # try again, or answer 50x, or cut the client
cdef void attempt_drop(exchange_t *exchange, bint may_keep) noexcept nogil  # done with the connection: pool it or close it
cdef void attempt_arm(exchange_t *exchange) noexcept nogil          # the deadline that fits what is waited for
cdef bint attempt_connected(exchange_t *exchange) noexcept nogil    # the connecting socket has news; False: it failed, and the exchange has gone on or over

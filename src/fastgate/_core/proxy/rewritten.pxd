"""A request's head with what plugins added to it, for who reads one message: the router."""

from fastgate._core.http.message cimport message_t
from fastgate._core.proxy.exchange cimport exchange_t


# Laid out in lane.output, until that is next used. False: too large.
cdef bint rewritten_message(exchange_t *exchange, message_t *message_out) noexcept nogil

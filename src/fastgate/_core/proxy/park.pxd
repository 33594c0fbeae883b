"""Parking: an exchange waits for another thread, and may end before its answer comes."""

from libc.stdint cimport uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t, parking_t
from fastgate._core.reactor.timer cimport on_timer_cb


# AGAIN, for an access hook to return. If the mail is not back by then, on_late(&exchange.wait).
cdef status_t park(exchange_t *exchange, parking_t *parking, uint64_t deadline_ns, on_timer_cb on_late) noexcept nogil
# The mail is back, or late: the exchange, parked no more. NULL: it went on or ended meanwhile.
cdef exchange_t *unpark(parking_t *parking) noexcept nogil
# The exchange is answered without what it waits for: another thread, a time, the rest of its body.
cdef void park_leave(exchange_t *exchange) noexcept nogil

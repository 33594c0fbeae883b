"""Parking: an exchange waits for another thread, and may end before its answer comes."""

from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t, parking_t


cdef status_t park(exchange_t *exchange, parking_t *parking) noexcept nogil    # AGAIN, for an access hook to return
# When the mail is back: the exchange, parked no more. NULL: it ended meanwhile.
cdef exchange_t *unpark(parking_t *parking) noexcept nogil

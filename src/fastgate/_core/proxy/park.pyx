"""The two pointers between a parked exchange and what stands for it elsewhere; its reactor's only."""

from fastgate._core.base.status cimport AGAIN, status_t


cdef status_t park(exchange_t *exchange, parking_t *parking) noexcept nogil:
    parking.exchange = exchange
    exchange.parking = parking
    return AGAIN


cdef exchange_t *unpark(parking_t *parking) noexcept nogil:
    cdef exchange_t *exchange = parking.exchange
    if exchange != NULL:
        exchange.parking = NULL
        parking.exchange = NULL
    return exchange

"""The two pointers between a parked exchange and what stands for it elsewhere; its reactor's only."""

from libc.stdint cimport uint64_t

from fastgate._core.base.status cimport AGAIN, status_t
from fastgate._core.proxy.exchange cimport exchange_lend_body
from fastgate._core.reactor.timer cimport timer_arm, timer_init, timer_remove


cdef status_t park(exchange_t *exchange, parking_t *parking, uint64_t deadline_ns, on_timer_cb on_late) noexcept nogil:
    parking.exchange = exchange
    parking.reads_body = False
    exchange.parking = parking
    timer_init(&exchange.wait, on_late)
    timer_arm(&exchange.lane.reactor.wheel, &exchange.wait, deadline_ns)
    return AGAIN


cdef exchange_t *unpark(parking_t *parking) noexcept nogil:
    cdef exchange_t *exchange = parking.exchange
    if exchange != NULL:
        exchange.parking = NULL
        parking.exchange = NULL
        timer_remove(&exchange.wait)
    return exchange


cdef void park_leave(exchange_t *exchange) noexcept nogil:
    exchange.collector = NULL
    timer_remove(&exchange.wait)
    if exchange.parking == NULL:
        return
    if exchange.parking.reads_body:
        exchange_lend_body(exchange)
    unpark(exchange.parking)

"""Copying between a client and an upstream that no longer speak HTTP."""

from libc.stdint cimport uint64_t

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.buffer cimport buffer_len
from fastgate._core.base.status cimport CLOSED, OK, status_t
from fastgate._core.net.stream cimport (
    READ_AGAIN,
    READ_END,
    READS_PER_EVENT,
    stream_flush,
    stream_pending,
    stream_read,
    stream_send,
    stream_shut_write,
    stream_t,
)
from fastgate._core.proxy.attempt cimport attempt_drop
from fastgate._core.proxy.exchange cimport downstream_t, exchange_into_tunnel, exchange_t, lane_t
from fastgate._core.reactor.reactor cimport reactor_defer
from fastgate._core.reactor.timer cimport timer_arm, timer_disarm


cdef status_t _copy(lane_t *lane, stream_t *source, stream_t *target, uint64_t *copied) noexcept nogil:
    """Until the source is empty or the target full; adds to `copied`. CLOSED: one of them is gone."""
    cdef ssize_t n
    cdef int reads
    for reads in range(READS_PER_EVENT):
        if not source.is_readable or stream_pending(target):
            return OK
        n = stream_read(source, lane.input, target.burst)
        if n == READ_AGAIN:
            return OK
        if n == READ_END:
            stream_shut_write(target)
            return OK
        if n > 0:
            copied[0] += <uint64_t>n
        if n < 0 or stream_send(target, lane.input, <size_t>n) != OK:
            return CLOSED
    reactor_defer(&lane.reactor, &source.source)
    return OK


cdef void _end(exchange_t *exchange) noexcept nogil:
    exchange.is_answered = True
    exchange.is_aborted = True              # nothing more to say: just close
    exchange.ended_ns = exchange.lane.reactor.now_ns
    attempt_drop(exchange, False)
    exchange.lane.on_over(exchange)


cdef void tunnel_start(exchange_t *exchange) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef uint64_t extra = exchange.input_len - exchange.input_used
    timer_disarm(&exchange.connection.timer)
    if not exchange_into_tunnel(exchange):
        _end(exchange)
        return
    # What the client sent right behind its handshake belongs to the tunnel.
    if extra:
        stream_send(&exchange.connection.stream, exchange.input + exchange.input_used, extra)
        exchange.input_used = exchange.input_len
    if buffer_len(&exchange.next_input):
        stream_send(
            &exchange.connection.stream, exchange.next_input.data + exchange.next_input.start,
            buffer_len(&exchange.next_input),
        )
    tunnel_pump(exchange)


cdef bint _has_ended(const stream_t *source, const stream_t *target) noexcept nogil:
    return target.is_write_shut and stream_pending(target) == 0 and not source.is_readable


cdef void tunnel_pump(exchange_t *exchange) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef downstream_t *client = exchange.client
    cdef stream_t *down = &client.stream
    cdef stream_t *up = &exchange.connection.stream
    cdef uint64_t received = client.received
    cdef bint is_over
    timer_arm(
        &lane.reactor.wheel, &client.timer,
        lane.reactor.now_ns + exchange.tunnel.idle_ns,
    )
    is_over = (
        stream_flush(down) == CLOSED or stream_flush(up) == CLOSED
        or _copy(lane, down, up, &client.received) != OK or _copy(lane, up, down, &exchange.body_bytes_out) != OK
        or (_has_ended(down, up) and _has_ended(up, down))
    )
    own_add_u64(&lane.reactor.counters.bytes_in, client.received - received)
    if is_over:
        _end(exchange)

"""One timer a client connection, set to whichever deadline comes first."""

from libc.stdint cimport uint64_t

from fastgate._core.net.stream cimport stream_pending, stream_taken
from fastgate._core.proxy.exchange cimport downstream_t, exchange_t, lane_t
from fastgate._core.proxy.pace cimport pace_deadline_ns, pace_pause, pace_wait
from fastgate._core.reactor.timer cimport TIMER_NEVER, timer_arm, timer_disarm
from fastgate._core.snapshot.snapshot cimport settings_t


cdef enum:
    LAST_REQUEST_NS = 1000000000    # draining: what clients get for a request, from their last answer on


cdef bint deadline_waits_for_body(const exchange_t *exchange) noexcept nogil:
    if exchange.parser.is_complete or exchange.is_answered:
        return False
    return exchange.collector != NULL or (
        exchange.is_forwarding and exchange.connection != NULL and stream_pending(&exchange.connection.stream) == 0
    )


cdef void deadline_arm(downstream_t *client) noexcept nogil:
    """The next deadline of whatever the client is being waited for."""
    cdef lane_t *lane = client.lane
    cdef exchange_t *exchange = client.exchange
    cdef uint64_t now_ns = lane.reactor.now_ns
    cdef const settings_t *settings = &lane.snapshot.settings
    cdef uint64_t deadline_ns = TIMER_NEVER
    cdef uint64_t other_ns
    if client.is_lingering:
        return                      # armed once, when lingering began
    if exchange == NULL:
        timer_arm(&lane.reactor.wheel, &client.timer, now_ns + settings.timeouts.keep_alive)
        return
    if exchange.is_tunnel and not exchange.is_answered:
        return                      # tunnel_pump arms
    settings = &exchange.snapshot.settings
    if not exchange.parser.is_head_done and not exchange.is_answered:
        deadline_ns = exchange.opened_ns + settings.timeouts.client_header
    elif deadline_waits_for_body(exchange):
        pace_wait(&client.reading, now_ns, client.received)
        deadline_ns = pace_deadline_ns(
            &client.reading, settings.timeouts.client_body, settings.min_rate
        )
    else:
        pace_pause(&client.reading, now_ns)
    if stream_pending(&client.stream):
        pace_wait(&client.writing, now_ns, stream_taken(&client.stream))
        other_ns = pace_deadline_ns(
            &client.writing, settings.timeouts.client_write, settings.min_rate
        )
        deadline_ns = other_ns if other_ns < deadline_ns else deadline_ns
    else:
        pace_pause(&client.writing, now_ns)
    if deadline_ns == TIMER_NEVER:
        timer_disarm(&client.timer)
    else:
        timer_arm(&lane.reactor.wheel, &client.timer, deadline_ns)


cdef bint deadline_arm_last(downstream_t *client) noexcept nogil:
    cdef lane_t *lane = client.lane
    cdef uint64_t now_ns = lane.reactor.now_ns
    cdef uint64_t since_ns = now_ns
    if client.timer.deadline_ns <= now_ns + LAST_REQUEST_NS:
        return True                     # it ends soon
    if client.received:
        since_ns = client.timer.deadline_ns - lane.snapshot.settings.timeouts.keep_alive
    if since_ns + LAST_REQUEST_NS <= now_ns:
        return False
    timer_arm(&lane.reactor.wheel, &client.timer, since_ns + LAST_REQUEST_NS)
    return True

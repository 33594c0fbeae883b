"""Picking a target, connecting or reusing, sending, failing, retrying."""

from libc.errno cimport EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.base.atomics cimport atomic_add_i32, atomic_load_ptr, own_add_u64
from fastgate._core.base.buffer cimport buffer_clear, buffer_len
from fastgate._core.base.clock cimport clock_ns
from fastgate._core.base.fault cimport (
    FAULT_CONNECT,
    FAULT_CONNECT_TIMEOUT,
    FAULT_NO_PEER,
    FAULT_NO_RESOURCES,
    FAULT_RESET,
    FAULT_TIMEOUT,
    fault_t,
)
from fastgate._core.base.span cimport span_none, span_text
from fastgate._core.base.status cimport NO_MEMORY, OK
from fastgate._core.base.writer cimport writer_hex, writer_text
from fastgate._core.http.parser cimport FRAMING_CHUNKED
from fastgate._core.includes.llhttp cimport METHOD_DELETE, METHOD_GET, METHOD_HEAD, METHOD_OPTIONS, METHOD_PUT
from fastgate._core.net.gather cimport gather_flush, gather_open, gather_refer, gather_t
from fastgate._core.net.stream cimport stream_error, stream_pending
from fastgate._core.observe.access_record cimport SOURCE_ERROR
from fastgate._core.proxy.body cimport body_end_chunks
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_t, lane_t
from fastgate._core.proxy.forward cimport forward_head
from fastgate._core.proxy.reply cimport (
    TEXT_HEAD_TOO_LARGE,
    TEXT_NO_PEER,
    TEXT_OVERLOADED,
    TEXT_UPSTREAM_INVALID,
    TEXT_UPSTREAM_TIMEOUT,
    reply_send,
)
from fastgate._core.reactor.reactor cimport reactor_defer, reactor_random
from fastgate._core.reactor.timer cimport timer_arm, timer_disarm
from fastgate._core.snapshot.snapshot cimport service_t
from fastgate._core.upstream.balancer.ewma cimport ewma_observe
from fastgate._core.upstream.balancer.policy cimport PICK_MAX_TRIED, peer_set_t
from fastgate._core.upstream.connection cimport (
    connection_close,
    connection_is_acked,
    connection_is_alive,
    connection_open,
    connection_t,
)
from fastgate._core.upstream.peer cimport peer_t
from fastgate._core.upstream.pool cimport pool_give, pool_take
from fastgate._core.upstream.retry cimport RETRY_FRESH, RETRY_NO, failed_try_t, retry_decide, retry_t


cdef bint _is_idempotent(unsigned method) noexcept nogil:
    return (
        method == METHOD_GET or method == METHOD_HEAD or method == METHOD_PUT
        or method == METHOD_DELETE or method == METHOD_OPTIONS
    )


cdef void _on_deadline(connection_t *connection) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>connection.exchange
    if connection.stream.is_connecting:
        own_add_u64(&exchange.lane.reactor.counters.upstream_failed, 1)
        attempt_failed(exchange, FAULT_CONNECT_TIMEOUT)
    else:
        attempt_failed(exchange, FAULT_TIMEOUT)


cdef void attempt_arm(exchange_t *exchange) noexcept nogil:
    cdef connection_t *connection = exchange.connection
    cdef lane_t *lane = exchange.lane
    cdef const service_t *service = exchange.service
    cdef uint64_t wait_ns
    if connection == NULL or connection.stream.is_connecting:
        return                      # armed once, when the connect began
    if exchange.withholds and exchange.parking != NULL:
        return                      # nothing is awaited from the upstream while filters work
    if stream_pending(&connection.stream):
        wait_ns = service.write_timeout_ns
    elif stream_pending(&exchange.client.stream) == 0 and (exchange.parser.is_complete or exchange.is_write_dead):
        wait_ns = service.read_timeout_ns
    else:
        timer_disarm(&connection.timer)     # the client's pace governs
        return
    timer_arm(&lane.reactor.wheel, &connection.timer, lane.reactor.now_ns + wait_ns)


cdef void _send(exchange_t *exchange) noexcept nogil:
    """The head and what there is of the body, in one write; the connection may still be connecting."""
    cdef lane_t *lane = exchange.lane
    cdef gather_t *gather = &lane.gather
    cdef uint32_t kept = buffer_len(&exchange.kept)
    gather_open(gather, &exchange.connection.stream, lane.output, LANE_OUTPUT_BYTES)
    if forward_head(exchange, &gather.text) != OK:
        attempt_drop(exchange, False)
        reply_send(exchange, 431, span_text(TEXT_HEAD_TOO_LARGE), span_none(), SOURCE_ERROR)
        lane.on_over(exchange)
        return
    if exchange.parser.framing == FRAMING_CHUNKED and kept:
        writer_hex(&gather.text, kept)
        writer_text(&gather.text, b"\r\n")
    if kept:
        gather_refer(gather, exchange.kept.data + exchange.kept.start, kept)
    if exchange.parser.framing == FRAMING_CHUNKED:
        if kept:
            writer_text(&gather.text, b"\r\n")
        if exchange.parser.is_complete:
            body_end_chunks(gather, &exchange.parser.trailers)
    lane.reactor.now_ns = clock_ns()        # what came before was the gateway's own time
    exchange.tried_ns = lane.reactor.now_ns
    if exchange.forwarded_ns == 0:
        exchange.forwarded_ns = lane.reactor.now_ns
    exchange.is_forwarding = not exchange.parser.is_complete
    exchange.is_write_dead = False
    if gather_flush(gather) != OK:
        exchange.is_write_dead = True
        attempt_failed(exchange, FAULT_NO_RESOURCES if gather.status == NO_MEMORY else FAULT_RESET)
        return
    if kept > exchange.snapshot.settings.retry_buffer_bytes and not exchange.is_collected:
        exchange.keeps_body = False
        buffer_clear(&exchange.kept)
    if exchange.is_forwarding and exchange.client.stream.is_readable:
        # Not read while there was no connection; no event would tell again.
        reactor_defer(&lane.reactor, &exchange.client.stream.source)
    attempt_arm(exchange)


cdef bint _is_replayable(const exchange_t *exchange) noexcept nogil:
    """Whether the whole body is sure to be kept for another try."""
    return exchange.parser.is_complete or (
        exchange.parser.framing != FRAMING_CHUNKED
        and exchange.parser.content_length <= exchange.snapshot.settings.retry_buffer_bytes
    )


cdef connection_t *_connect(exchange_t *exchange, peer_t *peer, fault_t *fault_out) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef connection_t *connection = NULL
    if not exchange.wants_fresh:
        connection = pool_take(&lane.reactor, peer)
        # What cannot be sent twice goes on no connection that is known to be dead.
        while connection != NULL and not _is_replayable(exchange) and not connection_is_alive(connection):
            connection_close(connection)
            connection = pool_take(&lane.reactor, peer)
    if connection == NULL:
        connection = connection_open(&lane.reactor, peer)
        if connection == NULL:
            own_add_u64(&lane.reactor.counters.upstream_failed, 1)
            fault_out[0] = FAULT_NO_RESOURCES if (
                errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM
            ) else FAULT_CONNECT
            return NULL
        if connection.stream.is_connecting:
            timer_arm(
                &lane.reactor.wheel, &connection.timer,
                lane.reactor.now_ns + exchange.service.connect_timeout_ns,
            )
    return connection


cdef void _give_up(exchange_t *exchange, fault_t fault) noexcept nogil:
    """Tell the client; when it has part of an answer already, cut its connection instead."""
    cdef lane_t *lane = exchange.lane
    if fault == FAULT_TIMEOUT or fault == FAULT_CONNECT_TIMEOUT:
        own_add_u64(&lane.reactor.counters.timeouts_upstream, 1)
    if exchange.is_head_sent:
        exchange.is_aborted = True
    elif fault == FAULT_NO_PEER:
        reply_send(exchange, 503, span_text(TEXT_NO_PEER), span_none(), SOURCE_ERROR)
    elif fault == FAULT_NO_RESOURCES:
        reply_send(exchange, 503, span_text(TEXT_OVERLOADED), span_none(), SOURCE_ERROR)
    elif fault == FAULT_TIMEOUT or fault == FAULT_CONNECT_TIMEOUT:
        reply_send(exchange, 504, span_text(TEXT_UPSTREAM_TIMEOUT), span_none(), SOURCE_ERROR)
    else:
        reply_send(exchange, 502, span_text(TEXT_UPSTREAM_INVALID), span_none(), SOURCE_ERROR)
    lane.on_over(exchange)


cdef void attempt_start(exchange_t *exchange) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef const service_t *service = exchange.service
    cdef peer_set_t *peers
    cdef peer_t *peer
    cdef connection_t *connection
    cdef fault_t fault = FAULT_NO_PEER
    while True:
        exchange.pick.reactor = lane.reactor.index
        exchange.pick.random = reactor_random(&lane.reactor)
        exchange.pick.now_ns = lane.reactor.now_ns
        peers = <peer_set_t *>atomic_load_ptr(&service.upstream.peers)
        peer = peers.pick(peers, &exchange.pick)
        if peer == NULL and exchange.pick.n_tried:
            # All were tried: start over, as long as retries last.
            exchange.pick.n_tried = 0
            peer = peers.pick(peers, &exchange.pick)
        if peer == NULL:
            _give_up(exchange, fault)
            return
        exchange.tries += 1
        connection = _connect(exchange, peer, &fault)
        if connection != NULL:
            break
        if fault == FAULT_NO_RESOURCES or exchange.tries > service.retries:
            _give_up(exchange, fault)
            return
        _note_tried(exchange, peer)
        own_add_u64(&lane.reactor.counters.retries, 1)
    connection.exchange = exchange
    connection.on_event = lane.on_connection
    connection.on_timer = _on_deadline
    connection.requests += 1
    exchange.connection = connection
    exchange.sent_before = connection.stream.sent
    exchange.target_len = peer.name_len
    memcpy(exchange.target, peer.name, peer.name_len)
    atomic_add_i32(&peer.inflight, 1)
    _send(exchange)


cdef void _note_tried(exchange_t *exchange, peer_t *peer) noexcept nogil:
    if exchange.pick.n_tried < PICK_MAX_TRIED:
        exchange.pick.tried[exchange.pick.n_tried] = peer
        exchange.pick.n_tried += 1


cdef void attempt_drop(exchange_t *exchange, bint may_keep) noexcept nogil:
    cdef connection_t *connection = exchange.connection
    if connection == NULL:
        return
    exchange.connection = NULL
    exchange.is_forwarding = False
    connection.exchange = NULL
    connection.is_reused = False
    atomic_add_i32(&connection.peer.inflight, -1)
    if not (may_keep and pool_give(connection, &exchange.snapshot.settings.pool)):
        connection_close(connection)


cdef void attempt_failed(exchange_t *exchange, fault_t fault) noexcept nogil:
    cdef connection_t *connection = exchange.connection
    cdef failed_try_t failed
    cdef retry_t verdict
    cdef uint64_t now_ns = exchange.lane.reactor.now_ns
    failed.fault = fault
    failed.is_reused = connection.is_reused
    # An application of this process has no second copy that might be faster: what it was handed goes on there,
    # and would only be done once more beside it.
    failed.is_idempotent = not exchange.service.is_application and _is_idempotent(exchange.upstream_method)
    failed.is_sent = connection.stream.sent != exchange.sent_before
    failed.is_acked = connection_is_acked(connection, exchange.sent_before)
    failed.is_answer_begun = (
        exchange.is_head_sent or exchange.interim > 0 or exchange.answer_parser.is_started
    )
    failed.keeps_body = exchange.keeps_body
    failed.has_retries_left = exchange.tries <= exchange.service.retries
    verdict = retry_decide(&failed)
    if verdict != RETRY_FRESH:
        # A target that fails fast must not look fast.
        ewma_observe(connection.peer, now_ns - exchange.tried_ns, now_ns)
    if verdict != RETRY_NO:
        own_add_u64(&exchange.lane.reactor.counters.retries, 1)
        if verdict == RETRY_FRESH:
            exchange.wants_fresh = True
            exchange.tries -= 1         # the target was never asked
        else:
            _note_tried(exchange, connection.peer)
        attempt_drop(exchange, False)
        buffer_clear(&exchange.answer_input)
        attempt_start(exchange)
        return
    attempt_drop(exchange, False)
    _give_up(exchange, fault)


cdef bint attempt_connected(exchange_t *exchange) noexcept nogil:
    cdef connection_t *connection = exchange.connection
    if stream_error(&connection.stream) != 0:
        own_add_u64(&exchange.lane.reactor.counters.upstream_failed, 1)
        attempt_failed(exchange, FAULT_CONNECT)
        return False
    connection.stream.is_connecting = False
    timer_disarm(&connection.timer)
    return True

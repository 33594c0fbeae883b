"""The client connection's state machine: read a request, have it answered, go on or close."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy, strlen

from fastgate._core.base.atomics cimport atomic_add_u32, atomic_load_u32, own_add_u64
from fastgate._core.base.buffer cimport buffer_clear, buffer_len, buffer_put
from fastgate._core.base.fault cimport FAULT_NO_RESOURCES
from fastgate._core.base.memory cimport memory_admits, memory_give, memory_take_zeroed
from fastgate._core.base.span cimport span_none, span_text
from fastgate._core.base.status cimport AGAIN, CLOSED, DONE, FAILED, NO_MEMORY, OK, status_t
from fastgate._core.http.parser cimport FRAMING_CHUNKED, PARSER_NO_MEMORY, parser_feed, parser_t
from fastgate._core.includes.epoll cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from fastgate._core.net.address cimport address_t
from fastgate._core.net.gather cimport gather_flush, gather_open
from fastgate._core.net.listener cimport listener_t
from fastgate._core.net.stream cimport (
    BURST_FIRST,
    BURST_MOST,
    READS_PER_EVENT,
    READ_AGAIN,
    stream_close,
    stream_flush,
    stream_is_open,
    stream_note_events,
    stream_open,
    stream_pending,
    stream_read,
    stream_send,
    stream_shut_write,
)
from fastgate._core.observe.access_record cimport SOURCE_GATEWAY
from fastgate._core.proxy.attempt cimport attempt_arm, attempt_drop, attempt_failed, attempt_start
from fastgate._core.proxy.body cimport body_end_chunks, body_put
from fastgate._core.proxy.deadline cimport deadline_arm, deadline_arm_last, deadline_waits_for_body
from fastgate._core.proxy.exchange cimport (
    LANE_INPUT_BYTES,
    LANE_OUTPUT_BYTES,
    exchange_close,
    exchange_grow_input,
    exchange_open,
    gate_is_draining,
    lane_t,
)
from fastgate._core.proxy.log cimport log_exchange
from fastgate._core.proxy.mirror cimport mirror_body, mirror_end, mirror_open, mirror_send, mirror_t
from fastgate._core.proxy.pace cimport pace_reset
from fastgate._core.proxy.receive cimport receive_go_on, receive_resume
from fastgate._core.proxy.phases cimport phases_access, phases_collected, phases_rewrite
from fastgate._core.proxy.refusal cimport refusal_of_bytes, refusal_send
from fastgate._core.proxy.reply cimport (
    TEXT_BODY_TOO_LARGE,
    TEXT_NO_SERVICE,
    TEXT_OVERLOADED,
    TEXT_TIMEOUT,
    reply_go_on,
    reply_send,
)
from fastgate._core.proxy.request cimport request_find_route, request_has_more, request_on_head
from fastgate._core.proxy.tunnel cimport tunnel_pump
from fastgate._core.reactor.reactor cimport grave_t, reactor_bury, reactor_defer, source_t
from fastgate._core.reactor.timer cimport timer_arm, timer_init, timer_remove, timer_t
from fastgate._core.snapshot.snapshot cimport settings_t
from fastgate._core.upstream.connection cimport connection_is_acked, connection_t


cdef enum:
    LINGER_BYTES = 1048576          # discarded after an early answer, then the connection is cut
    UNPROVEN_BYTES = 2 * BURST_MOST     # about what a socket takes before the first acknowledgement


cdef const char *OVERLOADED = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


# --- open and close

cdef bint downstream_may_accept(listener_t *listener) noexcept nogil:
    cdef lane_t *lane = <lane_t *>listener.reactor.owner
    return atomic_load_u32(&lane.gate.connections) < atomic_load_u32(&lane.gate.max_connections) and memory_admits()


cdef bint downstream_accept(listener_t *listener, int fd, const address_t *peer) noexcept nogil:
    cdef lane_t *lane = <lane_t *>listener.reactor.owner
    cdef downstream_t *client = <downstream_t *>memory_take_zeroed(sizeof(downstream_t))
    if client == NULL:
        return False
    if not stream_open(&client.stream, &lane.reactor, fd, _on_event, False):
        memory_give(client)
        return False
    client.lane = lane
    client.peer = peer[0]
    client.port = listener.port
    client.is_unix = listener.is_unix
    client.next = lane.downstreams
    client.link = &lane.downstreams
    if client.next != NULL:
        client.next.link = &client.next
    lane.downstreams = client
    timer_init(&client.timer, _on_timer)
    # Until the first byte of a request the head's deadline holds, not the longer keep-alive time.
    timer_arm(
        &lane.reactor.wheel, &client.timer,
        lane.reactor.now_ns + lane.snapshot.settings.timeouts.client_header,
    )
    atomic_add_u32(&lane.gate.connections, 1)
    own_add_u64(&lane.reactor.counters.connections_accepted, 1)
    # Each reactor counts in steps of their number: no two connections have the same.
    client.number = lane.reactor.counters.connections_accepted * lane.gate.n_lanes + lane.reactor.index
    return True


cdef void _free(grave_t *grave) noexcept nogil:
    memory_give(<char *>grave - <size_t>&(<downstream_t *>NULL).grave)


cdef void downstream_close(downstream_t *client) noexcept nogil:
    cdef lane_t *lane = client.lane
    cdef exchange_t *exchange = client.exchange
    if not stream_is_open(&client.stream):
        return
    if exchange != NULL:
        client.exchange = NULL
        attempt_drop(exchange, False)
        if exchange.input_len:
            log_exchange(exchange)
        exchange_close(exchange)
    timer_remove(&client.timer)
    stream_close(&client.stream)
    client.link[0] = client.next
    if client.next != NULL:
        client.next.link = client.link
    atomic_add_u32(&lane.gate.connections, <uint32_t>-1)
    own_add_u64(&lane.reactor.counters.connections_closed, 1)
    reactor_bury(&lane.reactor, &client.grave, _free)


cdef void downstream_drain(lane_t *lane) noexcept nogil:
    cdef downstream_t *client = lane.downstreams
    cdef downstream_t *next
    while client != NULL:
        next = client.next
        if client.exchange == NULL and not client.is_lingering:
            # A request may have come that epoll has not told of yet: it is served.
            client.stream.is_readable = True
            _read(client)
        client = next


# --- deadlines

cdef void _on_timer(timer_t *timer) noexcept nogil:
    cdef downstream_t *client = <downstream_t *>(<char *>timer - <size_t>&(<downstream_t *>NULL).timer)
    cdef exchange_t *exchange = client.exchange
    cdef lane_t *lane = client.lane
    if exchange == NULL or client.is_lingering or exchange.is_tunnel:
        downstream_close(client)
        return
    deadline_arm(client)
    if client.timer.deadline_ns > lane.reactor.now_ns:
        return                          # it took some of its answer, which no event told
    own_add_u64(&lane.reactor.counters.timeouts_client, 1)
    if exchange.is_head_sent:
        # Too slow to take its answer, or to finish its request while being answered.
        exchange.is_aborted = True
    else:
        attempt_drop(exchange, False)
        reply_send(exchange, 408, span_text(TEXT_TIMEOUT), span_none(), SOURCE_GATEWAY)
    downstream_over(exchange)


# --- the end of an exchange, and what comes after

cdef void _linger(downstream_t *client) noexcept nogil:
    """Half-close and read on for a while: a close with bytes unread would reset the answer away."""
    cdef lane_t *lane = client.lane
    client.is_lingering = True
    stream_shut_write(&client.stream)
    timer_arm(
        &lane.reactor.wheel, &client.timer,
        lane.reactor.now_ns + lane.snapshot.settings.timeouts.linger,
    )
    client.reading.start_bytes = client.received
    _read_away(client)


cdef void _read_away(downstream_t *client) noexcept nogil:
    cdef ssize_t n
    while client.stream.is_readable:
        n = stream_read(&client.stream, client.lane.input, LANE_INPUT_BYTES)
        if n == READ_AGAIN:
            return
        if n <= 0:
            downstream_close(client)
            return
        client.received += <size_t>n
        if client.received - client.reading.start_bytes > LINGER_BYTES:
            downstream_close(client)
            return


cdef exchange_t *_begin(downstream_t *client) noexcept nogil:
    """NULL: no memory."""
    cdef exchange_t *exchange = exchange_open(client)
    if exchange != NULL:
        exchange.parser.on_head = request_on_head
        exchange.parser.on_body = _on_body
    return exchange


cdef bint _carry_over(downstream_t *client, exchange_t *exchange) noexcept nogil:
    """What the client sent ahead becomes the start of its next request. False: no memory."""
    cdef exchange_t *next
    cdef const char *data = exchange.input + exchange.input_used
    cdef uint32_t len = exchange.input_len - exchange.input_used
    if buffer_len(&exchange.next_input):
        data = exchange.next_input.data + exchange.next_input.start
        len = buffer_len(&exchange.next_input)
    if len == 0:
        client.exchange = NULL
        return True
    next = _begin(client)
    if next == NULL:
        return False
    while next.input_size < len:
        if not exchange_grow_input(next, LANE_INPUT_BYTES):
            exchange_close(next)
            return False
    memcpy(next.input, data, len)
    next.input_len = len
    next.received_at_open -= len
    client.exchange = next
    return True


cdef void _next(downstream_t *client) noexcept nogil:
    """The answer has left. Log, then wait for the next request or close."""
    cdef exchange_t *exchange = client.exchange
    cdef bint is_whole = exchange.parser.is_complete
    log_exchange(exchange)
    if client.is_closing or not is_whole:
        client.exchange = NULL
        exchange_close(exchange)
        if client.stream.is_readable or not is_whole:
            _linger(client)
        else:
            downstream_close(client)
        return
    if not _carry_over(client, exchange):
        client.exchange = NULL
        exchange_close(exchange)
        downstream_close(client)
        return
    exchange_close(exchange)
    pace_reset(&client.reading)
    pace_reset(&client.writing)
    deadline_arm(client)
    if gate_is_draining(client.lane.gate):
        # Not told to close yet: what it sent ahead is served, else _read ends it soon.
        client.stream.is_readable = True
    if client.exchange != NULL or client.stream.is_readable:
        reactor_defer(&client.lane.reactor, &client.stream.source)


cdef void downstream_over(exchange_t *exchange) noexcept nogil:
    cdef downstream_t *client = exchange.client
    if exchange.is_aborted:
        downstream_close(client)
    elif not exchange.is_answered:
        return                          # withheld: downstream_filtered
    elif stream_pending(&client.stream):
        deadline_arm(client)                # _next when the client has taken it
    else:
        _next(client)


# --- reading

cdef bint _is_kept(exchange_t *exchange, size_t len) noexcept nogil:
    """Whether `len` bytes of a body are kept for another try.

    More than retry_buffer_bytes only on a pooled connection that may turn out to be dead:
    until the upstream's kernel has acknowledged something of this request.
    """
    cdef connection_t *connection = exchange.connection
    cdef size_t limit = exchange.snapshot.settings.retry_buffer_bytes
    return len <= limit or (
        limit and connection.is_reused and len <= limit + UNPROVEN_BYTES
        and not connection_is_acked(connection, exchange.sent_before)
    )


cdef status_t _on_body(parser_t *parser, const char *at, size_t len) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>parser.owner
    cdef const settings_t *settings = &exchange.snapshot.settings
    if exchange.refusal or exchange.is_answered:
        return OK
    if (settings.body_bytes and parser.body_bytes > settings.body_bytes) or (
        exchange.body_bytes_over and parser.body_bytes >= exchange.body_bytes_over
    ):
        exchange.refusal = 413
        exchange.refusal_text = span_text(TEXT_BODY_TOO_LARGE)
        return FAILED
    if exchange.mirror != NULL:
        mirror_body(exchange, at, len)
    if exchange.keeps_body:
        if exchange.is_forwarding and not (
            _is_kept(exchange, buffer_len(&exchange.kept) + len) and memory_admits()
            and buffer_put(&exchange.kept, at, len)
        ):
            exchange.keeps_body = False
            buffer_clear(&exchange.kept)
        elif not exchange.is_forwarding and not (memory_admits() and buffer_put(&exchange.kept, at, len)):
            exchange.refusal = 503
            exchange.refusal_text = span_text(TEXT_OVERLOADED)
            return FAILED
    if exchange.is_forwarding:
        body_put(&exchange.lane.gather, at, len, parser.framing == FRAMING_CHUNKED)
    return OK


cdef void _answer_refusal(exchange_t *exchange) noexcept nogil:
    attempt_drop(exchange, False)
    if exchange.is_head_sent:
        exchange.is_aborted = True      # the upstream has begun to answer: no second answer
    else:
        refusal_send(exchange)
    downstream_over(exchange)


cdef void _refuse_bytes(exchange_t *exchange) noexcept nogil:
    """The parser said no. The connection ends with the answer."""
    own_add_u64(&exchange.lane.reactor.counters.refused_malformed, 1)
    refusal_of_bytes(exchange)
    exchange.client.is_closing = True
    _answer_refusal(exchange)


cdef bint _ask_upstream(exchange_t *exchange, status_t access) noexcept nogil:
    """What follows the access phase. False: the exchange is over."""
    cdef downstream_t *client = exchange.client
    cdef mirror_t *mirror
    if access == AGAIN:
        return True
    if access == DONE:
        _answer_refusal(exchange)
    elif exchange.service == NULL:
        exchange.refusal = 503          # plugins might have answered instead
        exchange.refusal_text = span_text(TEXT_NO_SERVICE)
        _answer_refusal(exchange)
    elif exchange.mirror == NULL:
        attempt_start(exchange)
    else:
        mirror = mirror_open(exchange)
        attempt_start(exchange)         # first: a copy makes nobody wait
        mirror_send(mirror)
    return client.exchange == exchange


cdef status_t _run_phases(exchange_t *exchange) noexcept nogil:
    """As far as they go now. Behind rewrite comes the route, which is found with the head unless somebody rewrites."""
    cdef status_t status
    if exchange.route == NULL:
        status = phases_rewrite(exchange)
        if status != OK:
            return status
        request_find_route(exchange)
        if exchange.refusal:
            return DONE
    return phases_access(exchange)


cdef void downstream_resumed(exchange_t *exchange) noexcept nogil:
    cdef downstream_t *client = exchange.client
    if _ask_upstream(exchange, _run_phases(exchange)):
        deadline_arm(client)


cdef void downstream_filtered(exchange_t *exchange) noexcept nogil:
    if exchange.withheld.is_over:
        _answer_refusal(exchange)
    elif exchange.withheld.is_own:
        reply_go_on(exchange)
        downstream_over(exchange)
    else:
        receive_go_on(exchange)


cdef bint _make_room(exchange_t *exchange, char **room_out, size_t *size_out) noexcept nogil:
    """Heads are read into the exchange, which keeps them; bodies into the lane's room, which is soon reused."""
    cdef uint32_t limit = exchange.snapshot.settings.parser.header_bytes
    if exchange.parser.is_head_done:
        room_out[0] = exchange.lane.input
        size_out[0] = exchange.connection.stream.burst if exchange.connection != NULL else BURST_FIRST
        return True
    if exchange.input_len == exchange.input_size and not exchange_grow_input(
        exchange, limit if limit > exchange.input_size else exchange.input_size + 1
    ):
        return False
    room_out[0] = exchange.input + exchange.input_len
    size_out[0] = exchange.input_size - exchange.input_len
    return True


cdef status_t _take(exchange_t *exchange, const char *data, size_t len) noexcept nogil:
    """Parse what was read and act on it. DONE: stop reading; the exchange may be gone."""
    cdef lane_t *lane = exchange.lane
    cdef downstream_t *client = exchange.client
    cdef parser_t *parser = &exchange.parser
    cdef bint head_was_open = not parser.is_head_done
    cdef bint was_forwarding = exchange.is_forwarding
    cdef size_t used
    cdef status_t status
    if was_forwarding:
        gather_open(&lane.gather, &exchange.connection.stream, lane.output, LANE_OUTPUT_BYTES)
    status = parser_feed(parser, data, len, &used)
    if head_was_open:
        exchange.input_used += <uint32_t>used
    if status < 0:
        _refuse_bytes(exchange)
        return DONE
    if status == DONE and not head_was_open and used < len and not buffer_put(
        &exchange.next_input, data + used, len - used
    ):
        client.is_closing = True        # no memory for a request that has not begun: it is not served
    if exchange.refusal:
        _answer_refusal(exchange)
        return DONE
    if exchange.is_answered or not parser.is_head_done:
        return OK
    if head_was_open or exchange.is_unasked:
        exchange.is_unasked = request_has_more(exchange)
        if not exchange.is_unasked and not _ask_upstream(exchange, _run_phases(exchange)):
            return DONE
    elif exchange.collector != NULL:
        if status == DONE and not _ask_upstream(exchange, phases_collected(exchange)):
            return DONE
    elif was_forwarding:
        if status == DONE:
            if parser.framing == FRAMING_CHUNKED:
                body_end_chunks(&lane.gather, &parser.trailers)
            exchange.is_forwarding = False
        if gather_flush(&lane.gather) == NO_MEMORY:
            attempt_failed(exchange, FAULT_NO_RESOURCES)
            return DONE
        if lane.gather.status != OK:
            # It takes no more, but its answer may be in already.
            exchange.is_write_dead = True
            exchange.is_forwarding = False
            buffer_clear(&exchange.connection.stream.out)
            exchange.connection.stream.is_readable = True
            receive_resume(exchange)
            return DONE
        attempt_arm(exchange)
        if status == DONE and exchange.mirror != NULL:
            mirror_send(mirror_end(exchange))
    return DONE if status == DONE else OK


cdef bint _may_read(const downstream_t *client) noexcept nogil:
    cdef exchange_t *exchange = client.exchange
    if exchange == NULL or not exchange.parser.is_head_done:
        return True
    return exchange.is_unasked or deadline_waits_for_body(exchange)


cdef void _on_read_failed(downstream_t *client) noexcept nogil:
    """The client closed, or its connection broke, in the middle of what it had to say."""
    if client.exchange != NULL and client.exchange.input_len == 0:
        exchange_close(client.exchange)
        client.exchange = NULL
    downstream_close(client)


cdef void _refuse_unread(downstream_t *client) noexcept nogil:
    """No memory for a request: if there is one, a text of ours is all it gets, and nothing of it is kept or logged."""
    cdef ssize_t n = stream_read(&client.stream, client.lane.input, LANE_INPUT_BYTES)
    if n == READ_AGAIN:
        return
    if n > 0:
        client.received += <size_t>n
        if stream_send(&client.stream, OVERLOADED, strlen(OVERLOADED)) == OK:
            _linger(client)
            return
    downstream_close(client)


cdef void _read(downstream_t *client) noexcept nogil:
    cdef exchange_t *exchange
    cdef char *room
    cdef size_t size
    cdef ssize_t n
    cdef int reads
    for reads in range(READS_PER_EVENT):
        if not stream_is_open(&client.stream) or not client.stream.is_readable or not _may_read(client):
            break
        if client.exchange == NULL:
            client.exchange = _begin(client)
            if client.exchange == NULL:
                _refuse_unread(client)
                return
        exchange = client.exchange
        if not _make_room(exchange, &room, &size):
            exchange.parser.fault = PARSER_NO_MEMORY
            _refuse_bytes(exchange)
            return
        n = stream_read(&client.stream, room, size)
        if n == READ_AGAIN:
            if exchange.input_len == 0:
                exchange_close(exchange)        # nothing of a request yet: idle connections hold no exchange
                client.exchange = NULL
                if gate_is_draining(client.lane.gate) and not deadline_arm_last(client):
                    downstream_close(client)
                return
            break
        if n <= 0:
            _on_read_failed(client)
            return
        client.received += <size_t>n
        own_add_u64(&client.lane.reactor.counters.bytes_in, <uint64_t>n)
        if not exchange.parser.is_head_done:
            exchange.input_len += <uint32_t>n
        if _take(exchange, room, <size_t>n) == DONE:
            break
    if stream_is_open(&client.stream) and client.exchange != NULL and client.exchange.is_unasked:
        client.exchange.is_unasked = False
        _ask_upstream(client.exchange, _run_phases(client.exchange))
    if not stream_is_open(&client.stream):
        return
    if client.exchange != NULL:
        deadline_arm(client)
    if reads == READS_PER_EVENT - 1 and client.stream.is_readable and _may_read(client):
        reactor_defer(&client.lane.reactor, &client.stream.source)


# --- events

cdef void _on_flushed(downstream_t *client) noexcept nogil:
    """Everything pending has left."""
    cdef exchange_t *exchange = client.exchange
    if exchange == NULL:
        return
    if exchange.is_answered:
        _next(client)
    elif exchange.connection != NULL:
        receive_resume(exchange)        # held back by what was pending: an answer's part, or 1xx


cdef bint _is_carried(const exchange_t *exchange) noexcept nogil:
    """A pipelined request that came with the one before, and was not looked at."""
    return exchange != NULL and exchange.input_len != 0 and exchange.input_used == 0 and not exchange.parser.is_started


cdef void _on_event(source_t *source, uint32_t events) noexcept nogil:
    cdef downstream_t *client = <downstream_t *>source
    cdef exchange_t *exchange = client.exchange
    cdef uint32_t was_pending
    stream_note_events(
        &client.stream, events & EPOLLIN, events & EPOLLOUT, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
    )
    if client.is_lingering:
        _read_away(client)
        return
    if exchange != NULL and exchange.is_tunnel and not exchange.is_answered:
        tunnel_pump(exchange)
        return
    if events & EPOLLERR:
        downstream_close(client)        # reset: nobody is left to answer
        return
    was_pending = stream_pending(&client.stream)
    if was_pending:
        if stream_flush(&client.stream) == CLOSED:
            downstream_close(client)
            return
        if stream_pending(&client.stream) == 0:
            _on_flushed(client)
            if not stream_is_open(&client.stream) or client.is_lingering:
                return
    if events & EPOLLHUP and stream_pending(&client.stream):
        downstream_close(client)
        return
    if _is_carried(client.exchange):
        _take(client.exchange, client.exchange.input, client.exchange.input_len)
        if not stream_is_open(&client.stream) or client.is_lingering or _is_carried(client.exchange):
            return                      # it was answered at once, and the next one has an event of its own
    if client.stream.is_readable:
        _read(client)
    elif stream_is_open(&client.stream) and client.exchange != NULL:
        deadline_arm(client)

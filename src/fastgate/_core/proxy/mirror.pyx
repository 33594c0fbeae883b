"""From a request's head to the end of an answer that is read and forgotten.

Nothing here touches the request's own way: the copy is sent when the request is whole, by a connection of
its own, and whatever becomes of it is a count.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport atomic_add_i32, atomic_load_ptr, atomic_store_u64_release, own_add_u64
from fastgate._core.base.memory cimport memory_admits, memory_give, memory_take_zeroed
from fastgate._core.base.buffer cimport buffer_clear, buffer_len, buffer_put, buffer_reserve, buffer_t, buffer_take
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport CLOSED, DONE, FAILED, OK, status_t
from fastgate._core.base.writer cimport writer_hex, writer_open, writer_t, writer_text
from fastgate._core.http.parser cimport (
    FRAMING_CHUNKED,
    FRAMING_UNTIL_CLOSE,
    parser_close,
    parser_end,
    parser_feed,
    parser_open_response,
    parser_t,
)
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.net.stream cimport (
    BURST_LEAST,
    READ_AGAIN,
    READ_END,
    READ_FAILED,
    READS_PER_EVENT,
    stream_error,
    stream_flush,
    stream_pending,
    stream_read,
    stream_send,
    stream_t,
)
from fastgate._core.observe.counters cimport counters_t
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_t, lane_t
from fastgate._core.proxy.forward cimport forward_copy
from fastgate._core.reactor.reactor cimport reactor_defer, reactor_random
from fastgate._core.reactor.timer cimport timer_arm
from fastgate._core.snapshot.snapshot cimport live_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t, pick_t
from fastgate._core.upstream.connection cimport connection_close, connection_is_alive, connection_open, connection_t
from fastgate._core.upstream.peer cimport peer_ref, peer_unref
from fastgate._core.upstream.pool cimport pool_give, pool_take


cdef enum:
    CHUNK_LINE_BYTES = 24


# --- memory

cdef mirror_count_t *_count_of(lane_t *lane, uint64_t id) noexcept nogil:
    """NULL: no memory."""
    cdef mirror_count_t *count = <mirror_count_t *>lane.mirror_counts
    while count != NULL:
        if count.id == id:
            return count
        count = count.next
    count = <mirror_count_t *>memory_take_zeroed(sizeof(mirror_count_t))
    if count == NULL:
        return NULL
    count.id = id
    count.next = <mirror_count_t *>lane.mirror_counts
    lane.mirror_counts = count
    return count


cdef void _uncount(lane_t *lane, mirror_count_t *count) noexcept nogil:
    cdef mirror_count_t **link = <mirror_count_t **>&lane.mirror_counts
    count.pending -= 1
    if count.pending:
        return
    while link[0] != count:
        link = &link[0].next
    link[0] = count.next
    memory_give(count)


cdef void _free(mirror_t *mirror) noexcept nogil:
    cdef lane_t *lane = mirror.lane
    cdef live_t *live = &mirror.snapshot.live[lane.reactor.index]
    if mirror.link != NULL:
        mirror.link[0] = mirror.next
        if mirror.next != NULL:
            mirror.next.link = mirror.link
    if mirror.peer != NULL:
        peer_unref(mirror.peer)
    buffer_clear(&mirror.bytes)
    buffer_clear(&mirror.held)
    parser_close(&mirror.parser)
    if mirror.answer.headers != mirror.headers:
        memory_give(mirror.answer.headers)
    _uncount(lane, mirror.count)
    own_add_u64(&lane.reactor.counters.mirrors_active, <uint64_t>-1)
    atomic_store_u64_release(&live.exchanges, live.exchanges - 1)
    memory_give(mirror)


# --- beside the request

cdef bint mirror_begin(exchange_t *exchange, const mirror_rule_t *rule) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef counters_t *counters = &lane.reactor.counters
    cdef mirror_count_t *count = _count_of(lane, rule.id)
    cdef mirror_t *mirror
    if count == NULL:
        own_add_u64(&counters.mirrors_no_memory, 1)
        return False
    if count.pending >= rule.max_pending:
        own_add_u64(&counters.mirrors_over_pending, 1)
        return False
    count.pending += 1
    mirror = <mirror_t *>memory_take_zeroed(sizeof(mirror_t)) if memory_admits() else NULL
    if mirror == NULL:
        _uncount(lane, count)
        own_add_u64(&counters.mirrors_no_memory, 1)
        return False
    mirror.lane = lane
    mirror.snapshot = exchange.snapshot
    mirror.rule = rule
    mirror.count = count
    mirror.answer.headers = mirror.headers
    mirror.answer.capacity = EXCHANGE_HEADERS
    own_add_u64(&exchange.snapshot.live[lane.reactor.index].exchanges, 1)
    own_add_u64(&counters.mirrors_active, 1)
    exchange.mirror = mirror
    return True


cdef void _give_up(exchange_t *exchange, uint64_t *counter) noexcept nogil:
    own_add_u64(counter, 1)
    _free(<mirror_t *>exchange.mirror)
    exchange.mirror = NULL


cdef bint _choose_peer(mirror_t *mirror) noexcept nogil:
    """False: there is none."""
    cdef lane_t *lane = mirror.lane
    cdef peer_set_t *peers = <peer_set_t *>atomic_load_ptr(&mirror.rule.service.upstream.peers)
    cdef pick_t pick
    pick.hash = 0
    pick.has_hash = False
    pick.reactor = lane.reactor.index
    pick.random = reactor_random(&lane.reactor)
    pick.now_ns = lane.reactor.now_ns
    pick.n_tried = 0
    mirror.peer = peers.pick(peers, &pick)
    if mirror.peer == NULL:
        return False
    peer_ref(mirror.peer)
    return True


cdef bint _put_head(exchange_t *exchange, mirror_t *mirror) noexcept nogil:
    """False: it does not fit, or no memory."""
    cdef writer_t writer
    cdef span_t path = exchange.service.path if mirror.rule.is_upstream else mirror.rule.service.path
    writer_open(&writer, exchange.lane.output, LANE_OUTPUT_BYTES)
    if forward_copy(exchange, mirror.rule.service, path, mirror.peer, &writer) != OK:
        return False
    return buffer_put(&mirror.bytes, writer.start, <size_t>(writer.at - writer.start))


cdef mirror_t *mirror_open(exchange_t *exchange) noexcept nogil:
    cdef mirror_t *mirror = <mirror_t *>exchange.mirror
    cdef counters_t *counters = &exchange.lane.reactor.counters
    mirror.is_head = exchange.upstream_method == METHOD_HEAD
    if not _choose_peer(mirror):
        _give_up(exchange, &counters.mirrors_failed)
        return NULL
    if not _put_head(exchange, mirror):
        _give_up(exchange, &counters.mirrors_no_memory)
        return NULL
    if buffer_len(&exchange.kept):
        mirror_body(exchange, exchange.kept.data + exchange.kept.start, buffer_len(&exchange.kept))
    return mirror_end(exchange) if exchange.mirror != NULL and exchange.parser.is_complete else NULL


cdef void mirror_body(exchange_t *exchange, const char *at, size_t len) noexcept nogil:
    cdef mirror_t *mirror = <mirror_t *>exchange.mirror
    cdef counters_t *counters = &exchange.lane.reactor.counters
    cdef bint is_chunked = exchange.parser.framing == FRAMING_CHUNKED
    cdef char line[CHUNK_LINE_BYTES]
    cdef writer_t writer
    cdef bint is_put
    if mirror.peer == NULL:
        return                      # not open yet: the exchange keeps it
    mirror.body_bytes += len
    if mirror.body_bytes > mirror.rule.max_body:
        _give_up(exchange, &counters.mirrors_over_body)
        return
    if is_chunked:
        writer_open(&writer, line, CHUNK_LINE_BYTES)
        writer_hex(&writer, len)
        writer_text(&writer, b"\r\n")
        is_put = (
            buffer_put(&mirror.bytes, line, <size_t>(writer.at - line)) and buffer_put(&mirror.bytes, at, len)
            and buffer_put(&mirror.bytes, b"\r\n", 2)
        )
    else:
        is_put = buffer_put(&mirror.bytes, at, len)
    if not is_put:
        _give_up(exchange, &counters.mirrors_no_memory)


cdef mirror_t *mirror_end(exchange_t *exchange) noexcept nogil:
    cdef mirror_t *mirror = <mirror_t *>exchange.mirror
    cdef buffer_t *trailers = &exchange.parser.trailers
    if exchange.parser.framing == FRAMING_CHUNKED and not (
        buffer_put(&mirror.bytes, b"0\r\n", 3)
        and (buffer_len(trailers) == 0 or buffer_put(&mirror.bytes, trailers.data + trailers.start, buffer_len(trailers)))
        and buffer_put(&mirror.bytes, b"\r\n", 2)
    ):
        _give_up(exchange, &exchange.lane.reactor.counters.mirrors_no_memory)
        return NULL
    exchange.mirror = NULL
    return mirror


cdef void mirror_drop(exchange_t *exchange) noexcept nogil:
    cdef mirror_t *mirror = <mirror_t *>exchange.mirror
    if mirror.peer != NULL:         # else the request was refused, and there was nothing to copy
        own_add_u64(&exchange.lane.reactor.counters.mirrors_cut, 1)
    _free(mirror)


# --- on its own

cdef void _over(mirror_t *mirror, uint64_t *counter, bint may_keep) noexcept nogil:
    cdef connection_t *connection = mirror.connection
    if counter != NULL:
        own_add_u64(counter, 1)
    if connection != NULL:
        connection.exchange = NULL
        connection.is_reused = False
        atomic_add_i32(&connection.peer.inflight, -1)
        if not (may_keep and pool_give(connection, &mirror.snapshot.settings.pool)):
            connection_close(connection)
    _free(mirror)


cdef void _fail(mirror_t *mirror) noexcept nogil:
    _over(mirror, &mirror.lane.reactor.counters.mirrors_failed, False)


cdef void _on_deadline(connection_t *connection) noexcept nogil:
    _fail(<mirror_t *>connection.exchange)


cdef status_t _on_head(parser_t *parser) noexcept nogil:
    cdef mirror_t *mirror = <mirror_t *>parser.owner
    return FAILED if mirror.answer.status == 101 else OK        # a copy asks for no other protocol


cdef status_t _on_body(parser_t *parser, const char *at, size_t len) noexcept nogil:
    return OK


cdef bint _may_trail(parser_t *parser, span_t name) noexcept nogil:
    return False                    # none is kept


cdef void _expect_answer(mirror_t *mirror) noexcept nogil:
    parser_close(&mirror.parser)
    parser_open_response(&mirror.parser, &mirror.answer, &mirror.snapshot.settings.parser, mirror.is_head)
    mirror.parser.owner = mirror
    mirror.parser.on_head = _on_head
    mirror.parser.on_body = _on_body
    mirror.parser.may_trail = _may_trail


cdef connection_t *_connect(mirror_t *mirror) noexcept nogil:
    cdef lane_t *lane = mirror.lane
    cdef connection_t *connection = pool_take(&lane.reactor, mirror.peer)
    while connection != NULL and not connection_is_alive(connection):   # there is no second try
        connection_close(connection)
        connection = pool_take(&lane.reactor, mirror.peer)
    if connection == NULL:
        connection = connection_open(&lane.reactor, mirror.peer)
    if connection == NULL:
        own_add_u64(&lane.reactor.counters.upstream_failed, 1)
    return connection


cdef void mirror_send(mirror_t *mirror) noexcept nogil:
    cdef lane_t *lane
    cdef connection_t *connection
    cdef status_t status
    if mirror == NULL:
        return
    lane = mirror.lane
    connection = _connect(mirror)
    mirror.next = <mirror_t *>lane.mirrors
    mirror.link = <mirror_t **>&lane.mirrors
    if mirror.next != NULL:
        mirror.next.link = &mirror.next
    lane.mirrors = mirror
    if connection == NULL:
        _fail(mirror)
        return
    mirror.connection = connection
    connection.exchange = mirror
    connection.on_event = _on_event
    connection.on_timer = _on_deadline
    connection.requests += 1
    atomic_add_i32(&connection.peer.inflight, 1)
    timer_arm(&lane.reactor.wheel, &connection.timer, lane.reactor.now_ns + mirror.rule.timeout_ns)
    _expect_answer(mirror)
    own_add_u64(&lane.reactor.counters.mirrors_sent, 1)
    status = stream_send(&connection.stream, mirror.bytes.data + mirror.bytes.start, buffer_len(&mirror.bytes))
    buffer_clear(&mirror.bytes)
    if status != OK:
        _fail(mirror)


# --- the answer

cdef ssize_t _read(mirror_t *mirror, char **data_out) noexcept nogil:
    """Into the lane's room; behind what is there already of a head that came in pieces."""
    cdef lane_t *lane = mirror.lane
    cdef stream_t *stream = &mirror.connection.stream
    cdef buffer_t *held = &mirror.held
    cdef ssize_t n
    if buffer_len(held) == 0 or mirror.parser.is_head_done:
        mirror.answer.base = lane.input
        data_out[0] = lane.input
        return stream_read(stream, lane.input, BURST_LEAST)
    if not buffer_reserve(held, BURST_LEAST):
        return READ_FAILED
    mirror.answer.base = held.data + held.start
    data_out[0] = held.data + held.end
    n = stream_read(stream, data_out[0], BURST_LEAST)
    if n > 0:
        held.end += <uint32_t>n
    return n


cdef bint _keep_open_head(mirror_t *mirror, const char *end, bint is_in_lane) noexcept nogil:
    """False: no memory."""
    cdef const char *base = mirror.answer.base
    if mirror.parser.is_head_done:
        buffer_clear(&mirror.held)
        return True
    if is_in_lane:
        buffer_clear(&mirror.held)
        return buffer_put(&mirror.held, base, <size_t>(end - base))
    buffer_take(&mirror.held, <uint32_t>(base - mirror.held.data) - mirror.held.start)    # what a 1xx before it took
    return True


cdef bint _feed(mirror_t *mirror, char *data, size_t len) noexcept nogil:
    """False: the copy is over."""
    cdef parser_t *parser = &mirror.parser
    cdef char *end = data + len
    cdef bint is_in_lane = mirror.answer.base == mirror.lane.input
    cdef status_t status
    cdef size_t used
    mirror.answer_bytes += len
    while True:
        status = parser_feed(parser, data, len, &used)
        if status < 0:
            _fail(mirror)
            return False
        data += used
        len -= used
        if status != DONE or mirror.answer.status >= 200:
            break
        # That was 1xx; the next answer follows, perhaps in these bytes.
        _expect_answer(mirror)
        mirror.answer.base = data
        if len == 0:
            break
    if status == DONE and parser.is_complete:
        _over(mirror, NULL, parser.keeps_alive and parser.framing != FRAMING_UNTIL_CLOSE and len == 0
              and stream_pending(&mirror.connection.stream) == 0)
        return False
    if mirror.answer_bytes > mirror.rule.max_answer:
        _over(mirror, NULL, False)
        return False
    if not _keep_open_head(mirror, end, is_in_lane):
        _fail(mirror)
        return False
    return True


cdef void _on_event(connection_t *connection) noexcept nogil:
    cdef mirror_t *mirror = <mirror_t *>connection.exchange
    cdef stream_t *stream = &connection.stream
    cdef char *data
    cdef ssize_t n
    cdef int reads
    if stream.is_connecting:
        if stream_error(stream) != 0:
            own_add_u64(&mirror.lane.reactor.counters.upstream_failed, 1)
            _fail(mirror)
            return
        stream.is_connecting = False
    if stream_pending(stream) and stream_flush(stream) == CLOSED:
        _fail(mirror)
        return
    for reads in range(READS_PER_EVENT):
        if not stream.is_readable:
            return
        n = _read(mirror, &data)
        if n == READ_AGAIN:
            return
        if n <= 0:
            if n == READ_END and parser_end(&mirror.parser) == DONE:
                _over(mirror, NULL, False)
            else:
                _fail(mirror)
            return
        if not _feed(mirror, data, <size_t>n):
            return
    reactor_defer(&mirror.lane.reactor, &stream.source)


cdef void mirrors_close(lane_t *lane) noexcept nogil:
    while lane.mirrors != NULL:
        _over(<mirror_t *>lane.mirrors, NULL, False)

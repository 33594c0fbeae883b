"""Reading answers. The client's pace is the limit: while it has bytes pending, nothing more is read."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.base.buffer cimport (
    buffer_clear,
    buffer_len,
    buffer_put,
    buffer_reserve,
    buffer_t,
    buffer_take,
)
from fastgate._core.base.fault cimport FAULT_CLOSED, FAULT_MALFORMED, FAULT_RESET, fault_t
from fastgate._core.base.span cimport span_ieq, span_text
from fastgate._core.base.status cimport CLOSED, DONE, FAILED, OK, status_t
from fastgate._core.http.message cimport HEADER_UPGRADE, header_value, message_find
from fastgate._core.http.parser cimport (
    FRAMING_CHUNKED,
    FRAMING_NONE,
    FRAMING_UNTIL_CLOSE,
    parser_end,
    parser_close,
    parser_feed,
    parser_open_response,
    parser_t,
)
from fastgate._core.http.websocket cimport websocket_check_answer
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.net.gather cimport gather_flush, gather_open, gather_refer, gather_t
from fastgate._core.net.stream cimport (
    BURST_LEAST,
    READ_AGAIN,
    READ_END,
    READ_FAILED,
    READS_PER_EVENT,
    stream_flush,
    stream_pending,
    stream_read,
    stream_t,
)
from fastgate._core.observe.access_record cimport SOURCE_UPSTREAM
from fastgate._core.proxy.answer cimport answer_head, answer_interim_head
from fastgate._core.proxy.attempt cimport attempt_arm, attempt_connected, attempt_drop, attempt_failed
from fastgate._core.proxy.body cimport body_end_chunks, body_put
from fastgate._core.proxy.deadline cimport deadline_arm
from fastgate._core.proxy.exchange cimport (
    LANE_OUTPUT_BYTES,
    exchange_keep_answer,
    exchange_t,
    lane_t,
    withheld_t,
)
from fastgate._core.proxy.own_fields cimport own_fields_may_trail
from fastgate._core.proxy.phases cimport phases_unfilter
from fastgate._core.proxy.reply cimport TEXT_UPSTREAM_INVALID
from fastgate._core.proxy.tunnel cimport tunnel_pump, tunnel_start
from fastgate._core.proxy.withhold cimport withhold_answer, withhold_fail, withhold_filter, withhold_is_on
from fastgate._core.reactor.reactor cimport reactor_defer
from fastgate._core.reactor.timer cimport timer_disarm
from fastgate._core.upstream.balancer.ewma cimport ewma_observe
from fastgate._core.upstream.connection cimport connection_t


cdef enum:
    MAX_INTERIM = 16                # 1xx answers before a final one


cdef status_t _switch_protocols(exchange_t *exchange) noexcept nogil:
    """101 only to whom asked for it, and to what was asked for."""
    if not exchange.is_upgrade:
        return FAILED
    if message_find(&exchange.answer, HEADER_UPGRADE) == NULL or not span_ieq(
        header_value(&exchange.answer, message_find(&exchange.answer, HEADER_UPGRADE)),
        header_value(&exchange.request, message_find(&exchange.request, HEADER_UPGRADE)),
    ):
        return FAILED
    if exchange.is_websocket and not websocket_check_answer(&exchange.request, &exchange.answer):
        return FAILED
    return OK


cdef status_t _on_head(parser_t *parser) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>parser.owner
    cdef lane_t *lane = exchange.lane
    cdef unsigned status = exchange.answer.status
    if status < 200 and status != 101:
        exchange.interim += 1
        if exchange.interim > MAX_INTERIM:
            return FAILED
        if exchange.request.http_minor:         # HTTP/1.0 knows no 1xx
            answer_interim_head(exchange, &lane.gather.text)
        return FAILED if lane.gather.text.is_full else OK
    exchange.answered_ns = lane.reactor.now_ns
    exchange.upstream_status = <uint16_t>status
    ewma_observe(
        exchange.connection.peer, lane.reactor.now_ns - exchange.tried_ns, lane.reactor.now_ns
    )
    if status == 101:
        if _switch_protocols(exchange) != OK:
            return FAILED
        answer_interim_head(exchange, &lane.gather.text)
    elif exchange.withholds:
        parser.on_body = _on_withheld_body
        return withhold_answer(exchange)
    else:
        answer_head(exchange, &lane.gather.text)
    if lane.gather.text.is_full:
        return FAILED
    exchange.keeps_body = False             # no other try from here on
    buffer_clear(&exchange.kept)
    exchange.status = <uint16_t>status
    exchange.source = SOURCE_UPSTREAM
    exchange.is_tunnel = status == 101
    exchange.is_head_sent = True
    if exchange.route.chain != NULL and exchange.route.chain.keeps_answer and status != 101:
        exchange_keep_answer(exchange)      # without memory its fields are not logged
    return OK


cdef status_t _on_withheld_body(parser_t *parser, const char *at, size_t len) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>parser.owner
    if exchange.request.method == METHOD_HEAD:
        return OK
    return OK if buffer_put(&exchange.withheld.body, at, len) else FAILED


cdef status_t _on_body(parser_t *parser, const char *at, size_t len) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>parser.owner
    if exchange.answer_framing == FRAMING_NONE:
        return OK                           # the client asked for the head alone
    exchange.body_bytes_out += len
    body_put(&exchange.lane.gather, at, len, exchange.answer_framing == FRAMING_CHUNKED)
    return OK


cdef bint _is_enough(const exchange_t *exchange) noexcept nogil:
    """A plugin had HEAD asked as something else: the client has its answer, and the body may have no end."""
    return (
        exchange.is_head_sent and exchange.request.method == METHOD_HEAD and exchange.upstream_method != METHOD_HEAD
    )


cdef void _expect_answer(exchange_t *exchange) noexcept nogil:
    parser_close(&exchange.answer_parser)
    parser_open_response(
        &exchange.answer_parser, &exchange.answer, &exchange.snapshot.settings.parser,
        exchange.upstream_method == METHOD_HEAD,
    )
    exchange.answer_parser.owner = exchange
    exchange.answer_parser.on_head = _on_head
    exchange.answer_parser.on_body = _on_body
    exchange.answer_parser.may_trail = own_fields_may_trail


cdef void _let_connection_go(exchange_t *exchange, size_t extra) noexcept nogil:
    """Nothing more is wanted from the upstream. `extra`: bytes behind its answer, which nobody asked for."""
    cdef parser_t *parser = &exchange.answer_parser
    cdef bint may_keep
    if exchange.connection == NULL:
        return                              # a withheld answer's, gone as soon as it was whole
    may_keep = (
        parser.is_complete and parser.keeps_alive and parser.framing != FRAMING_UNTIL_CLOSE and extra == 0
        and exchange.parser.is_complete and not exchange.is_write_dead
        and stream_pending(&exchange.connection.stream) == 0
    )
    attempt_drop(exchange, may_keep)


cdef void _finish(exchange_t *exchange, size_t extra) noexcept nogil:
    """The answer is whole."""
    exchange.is_answered = True
    exchange.ended_ns = exchange.lane.reactor.now_ns
    _let_connection_go(exchange, extra)
    exchange.lane.on_over(exchange)


cdef uint64_t _queued(const stream_t *stream) noexcept nogil:
    return stream.sent + stream_pending(stream)


cdef void _fail(exchange_t *exchange, fault_t fault) noexcept nogil:
    """A head of this same read is taken back if no byte of it left; what came before goes out."""
    if exchange.is_head_sent and exchange.is_head_fresh and _queued(&exchange.client.stream) == exchange.queued_before:
        exchange.is_head_sent = False
        exchange.client.is_closing = False
        phases_unfilter(exchange)
    elif exchange.is_head_sent:
        gather_flush(&exchange.lane.gather)
    attempt_failed(exchange, fault)


cdef status_t _feed(exchange_t *exchange, char *data, size_t len) noexcept nogil:
    """All of one read. DONE: the exchange has gone on, or over; do not touch it again."""
    cdef lane_t *lane = exchange.lane
    cdef parser_t *parser = &exchange.answer_parser
    cdef gather_t *gather = &lane.gather
    cdef size_t used
    cdef status_t status
    gather_open(gather, &exchange.client.stream, lane.output, LANE_OUTPUT_BYTES)
    exchange.is_head_fresh = not exchange.is_head_sent
    exchange.queued_before = _queued(&exchange.client.stream)
    while True:
        status = parser_feed(parser, data, len, &used)
        if status < 0:
            _fail(exchange, FAULT_MALFORMED)
            return DONE
        data += used
        len -= used
        if status != DONE or exchange.is_tunnel or exchange.answer.status >= 200:
            break
        # That was 1xx; the next answer follows, perhaps in these bytes.
        _expect_answer(exchange)
        exchange.answer.base = data
        if len == 0:
            break
    if status == DONE and exchange.answer_framing == FRAMING_CHUNKED and exchange.is_head_sent:
        body_end_chunks(gather, &parser.trailers)
    if exchange.is_tunnel:
        gather_refer(gather, data, len)
    if gather_flush(gather) != OK:
        exchange.is_aborted = True
        attempt_drop(exchange, False)
        lane.on_over(exchange)
        return DONE
    if exchange.is_tunnel:
        tunnel_start(exchange)
        return DONE
    if exchange.withholds and withhold_is_on(exchange):
        return _withheld(exchange, status == DONE and parser.is_complete, len)
    if (status == DONE and parser.is_complete) or _is_enough(exchange):
        _finish(exchange, len)
        return DONE
    return OK


# --- answers that filters see first

cdef status_t _release(exchange_t *exchange) noexcept nogil:
    """The client's turn. OK: the rest of the body follows. DONE: the exchange is over."""
    cdef lane_t *lane = exchange.lane
    cdef withheld_t *withheld = exchange.withheld
    cdef gather_t *gather = &lane.gather
    cdef bint is_whole
    gather_open(gather, &exchange.client.stream, lane.output, LANE_OUTPUT_BYTES)
    answer_head(exchange, &gather.text)
    if gather.text.is_full:
        exchange.client.is_closing = False
        withhold_fail(exchange, 502, span_text(TEXT_UPSTREAM_INVALID))
        lane.on_filtered(exchange)
        return DONE
    exchange.answer_parser.on_body = _on_body
    exchange.status = withheld.status
    exchange.source = SOURCE_UPSTREAM
    exchange.is_head_sent = True
    is_whole = withheld.is_whole or withheld.drops_body
    if exchange.answer_framing == FRAMING_NONE:
        buffer_clear(&withheld.body)
    elif buffer_len(&withheld.body):
        exchange.body_bytes_out += buffer_len(&withheld.body)
        body_put(
            gather, withheld.body.data + withheld.body.start, buffer_len(&withheld.body),
            exchange.answer_framing == FRAMING_CHUNKED,
        )
    if is_whole and exchange.answer_framing == FRAMING_CHUNKED:
        body_end_chunks(gather, &exchange.answer_parser.trailers)
    if gather_flush(gather) != OK:
        exchange.is_aborted = True
        attempt_drop(exchange, False)
        lane.on_over(exchange)
        return DONE
    buffer_clear(&withheld.body)
    if is_whole:
        _finish(exchange, 0)
        return DONE
    return OK


cdef status_t _go_on(exchange_t *exchange) noexcept nogil:
    """OK: read on. DONE: parked, or the exchange has gone on or is over."""
    cdef status_t status = withhold_filter(exchange)
    if status == OK:
        return _release(exchange)
    if status == DONE:
        exchange.lane.on_filtered(exchange)
        return DONE
    if exchange.parking == NULL:
        return OK                           # more of the body is wanted
    if exchange.connection != NULL:
        timer_disarm(&exchange.connection.timer)
    return DONE


cdef status_t _withheld(exchange_t *exchange, bint is_complete, size_t extra) noexcept nogil:
    """What of the answer was read is withheld."""
    if is_complete or exchange.request.method == METHOD_HEAD and exchange.upstream_method != METHOD_HEAD:
        _let_connection_go(exchange, extra)
        exchange.withheld.is_whole = True
    return _go_on(exchange)


cdef void receive_go_on(exchange_t *exchange) noexcept nogil:
    if _go_on(exchange) == OK:
        receive_resume(exchange)


# --- reading

cdef ssize_t _read(exchange_t *exchange, char **data_out) noexcept nogil:
    """Into the lane's room; behind what is there already of a head that came in pieces."""
    cdef lane_t *lane = exchange.lane
    cdef buffer_t *held = &exchange.answer_input
    cdef ssize_t n
    if buffer_len(held) == 0 or exchange.answer_parser.is_head_done:
        n = stream_read(&exchange.connection.stream, lane.input, exchange.client.stream.burst)
        if not exchange.is_answer_kept:
            exchange.answer.base = lane.input
        data_out[0] = lane.input
        return n
    if not buffer_reserve(held, BURST_LEAST):
        return READ_FAILED
    exchange.answer.base = held.data + held.start
    data_out[0] = held.data + held.end
    n = stream_read(&exchange.connection.stream, data_out[0], BURST_LEAST)
    if n > 0:
        held.end += <uint32_t>n
    return n


cdef bint _keep_open_head(exchange_t *exchange, const char *end, bint is_in_lane) noexcept nogil:
    """A head that is not whole yet (answer.base up to `end`) must outlive the lane's room."""
    cdef buffer_t *held = &exchange.answer_input
    cdef const char *base = exchange.answer.base
    if exchange.answer_parser.is_head_done:
        buffer_clear(held)
        return True
    if is_in_lane:
        buffer_clear(held)
        return buffer_put(held, base, <size_t>(end - base))
    buffer_take(held, <uint32_t>(base - held.data) - held.start)    # what a 1xx before it took
    return True


cdef void receive_resume(exchange_t *exchange) noexcept nogil:
    cdef stream_t *stream
    cdef char *data
    cdef ssize_t n
    cdef int reads
    cdef bint is_reset
    if exchange.withholds and exchange.parking != NULL:
        return                              # what it says is read when the filters are done
    if exchange.answer_parser.owner == NULL:
        _expect_answer(exchange)
    for reads in range(READS_PER_EVENT):
        stream = &exchange.connection.stream
        if not stream.is_readable or stream_pending(&exchange.client.stream):
            break
        n = _read(exchange, &data)
        if n == READ_AGAIN:
            break
        if n <= 0:
            gather_open(&exchange.lane.gather, &exchange.client.stream, exchange.lane.output, LANE_OUTPUT_BYTES)
            if n == READ_END and parser_end(&exchange.answer_parser) == DONE:
                if exchange.withholds and withhold_is_on(exchange):
                    _withheld(exchange, True, 0)
                    return
                if exchange.answer_framing == FRAMING_CHUNKED:
                    body_end_chunks(&exchange.lane.gather, &exchange.answer_parser.trailers)
                    gather_flush(&exchange.lane.gather)
                _finish(exchange, 0)
            else:
                # A write that failed took the reset's error with it: what is left looks like an orderly end.
                is_reset = n != READ_END or exchange.is_write_dead
                attempt_failed(exchange, FAULT_RESET if is_reset else FAULT_CLOSED)
            return
        if _feed(exchange, data, <size_t>n) == DONE:
            return
        if not _keep_open_head(exchange, data + n, data == exchange.lane.input):
            attempt_failed(exchange, FAULT_MALFORMED)
            return
    else:
        reactor_defer(&exchange.lane.reactor, &exchange.connection.stream.source)
    attempt_arm(exchange)
    if stream_pending(&exchange.client.stream):
        deadline_arm(exchange.client)


cdef void receive_on_event(connection_t *connection) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>connection.exchange
    cdef stream_t *stream = &connection.stream
    cdef bint was_pending
    if stream.is_connecting and not attempt_connected(exchange):
        return
    was_pending = stream_pending(stream) > 0
    if was_pending and not exchange.is_write_dead:
        if stream_flush(stream) == CLOSED:
            # It takes no more, but its answer may be in already: say, 413 to a large body.
            exchange.is_write_dead = True
            exchange.is_forwarding = False
            buffer_clear(&stream.out)
            stream.is_readable = True
    if exchange.is_tunnel:
        tunnel_pump(exchange)
        return
    if was_pending and stream_pending(stream) == 0 and not exchange.parser.is_complete:
        reactor_defer(&exchange.lane.reactor, &exchange.client.stream.source)   # read on
    receive_resume(exchange)

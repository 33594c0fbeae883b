"""Opening and closing exchanges, and what several steps ask of one."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr, memcpy, memset

from fastgate._core.base.arena cimport arena_close, arena_take
from fastgate._core.base.atomics cimport atomic_load_u64, atomic_store_u64_release, own_add_u64
from fastgate._core.base.buffer cimport buffer_clear, buffer_t
from fastgate._core.base.decimal cimport put_pair
from fastgate._core.base.memory cimport memory_admits, memory_give, memory_is_short, memory_resize, memory_take
from fastgate._core.base.span cimport span_none, span_of, span_t
from fastgate._core.http.message cimport HEADER_REFERER, header_t, header_value, message_find
from fastgate._core.http.parser cimport parser_close, parser_open_request
from fastgate._core.http.query cimport query_arg_t, query_next
from fastgate._core.http.uri cimport uri_name_eq
from fastgate._core.limit.limiter cimport limit_release
from fastgate._core.limit.table cimport limit_key_t
from fastgate._core.observe.series cimport series_ref, series_unref
from fastgate._core.proxy.own_fields cimport own_fields_may_trail
from fastgate._core.reactor.reactor cimport reactor_random
from fastgate._core.reactor.timer cimport timer_remove
from fastgate._core.snapshot.snapshot cimport live_t, secret_arg_t


cdef enum:
    NS_PER_SECOND = 1000000000
    TAKE_ALIGNMENT = 8


cdef const char *DAYS = b"ThuFriSatSunMonTueWed"       # day 0 of the Unix epoch was a Thursday
cdef const char *MONTHS = b"JanFebMarAprMayJunJulAugSepOctNovDec"


cdef uint64_t gate_wall_ns(gate_t *gate, uint64_t mono_ns) noexcept nogil:
    return mono_ns + atomic_load_u64(&gate.wall_offset_ns)


cdef inline void _put_eight(char *room, uint32_t random) noexcept nogil:
    """Eight hex digits at once: a nibble in each byte of a word, then what makes of each a digit or a letter."""
    cdef uint64_t word = random
    cdef uint64_t letters
    word = (word | word << 16) & <uint64_t>0x0000ffff0000ffff
    word = (word | word << 8) & <uint64_t>0x00ff00ff00ff00ff
    word = (word | word << 4) & <uint64_t>0x0f0f0f0f0f0f0f0f
    letters = (word + <uint64_t>0x0606060606060606) >> 4 & <uint64_t>0x0101010101010101
    word += <uint64_t>0x3030303030303030 + letters * 39
    memcpy(room, &word, 8)


cdef void _put_id(char *room, uint64_t random) noexcept nogil:
    _put_eight(room, <uint32_t>random)
    _put_eight(room + 8, <uint32_t>(random >> 32))


cdef exchange_t *exchange_open(downstream_t *client) noexcept nogil:
    cdef lane_t *lane = client.lane
    cdef exchange_t *exchange = lane.spare
    if exchange != NULL:
        lane.spare = exchange.next_spare
        lane.n_spare -= 1
    else:
        exchange = <exchange_t *>memory_take(EXCHANGE_BYTES) if memory_admits() else NULL
        if exchange == NULL:
            return NULL
    memset(exchange, 0, <size_t>&(<exchange_t *>NULL).host)
    exchange.lane = lane
    exchange.client = client
    exchange.snapshot = lane.snapshot
    exchange.snapshot_number = lane.snapshot.number
    own_add_u64(&lane.snapshot.live[lane.reactor.index].exchanges, 1)
    own_add_u64(&lane.reactor.counters.requests_active, 1)
    exchange.input = exchange.room
    exchange.input_size = _room_bytes()
    exchange.request.base = exchange.input
    exchange.request.headers = exchange.headers
    exchange.request.capacity = EXCHANGE_HEADERS
    exchange.answer.headers = exchange.answer_headers
    exchange.answer.capacity = EXCHANGE_HEADERS
    parser_open_request(&exchange.parser, &exchange.request, &lane.snapshot.settings.parser)
    exchange.parser.owner = exchange
    exchange.parser.may_trail = own_fields_may_trail
    exchange.opened_ns = lane.reactor.now_ns
    exchange.sent_at_open = client.stream.sent
    exchange.received_at_open = client.received
    exchange.pick.n_tried = 0
    exchange.pick.has_hash = False
    exchange.cookie_value[0] = 0
    _put_id(exchange.request_id, reactor_random(&lane.reactor))
    _put_id(exchange.request_id + REQUEST_ID_BYTES // 2, reactor_random(&lane.reactor))
    return exchange


cdef void _unpin(exchange_t *exchange) noexcept nogil:
    """Released: whoever sees the count may free the snapshot, which was read until now."""
    cdef live_t *live = &exchange.snapshot.live[exchange.lane.reactor.index]
    atomic_store_u64_release(&live.exchanges, live.exchanges - 1)
    exchange.snapshot = NULL


cdef span_t exchange_consumer(const exchange_t *exchange) noexcept nogil:
    if exchange.tunnel != NULL:
        return exchange.tunnel.consumer
    if exchange.consumer == NULL:
        return span_none()
    return exchange.consumer.username if exchange.consumer.username.len else exchange.consumer.id


cdef inline uint32_t _room_bytes() noexcept nogil:
    return EXCHANGE_BYTES - <uint32_t><size_t>&(<exchange_t *>NULL).room


cdef void *exchange_room(exchange_t *exchange, size_t size) noexcept nogil:
    """From the room behind the head, which nothing is read into any more; then from the arena."""
    cdef size_t at = exchange.room_used
    if at == 0 and exchange.input == exchange.room:
        at = exchange.input_len
    # `room` need not begin at a multiple itself.
    at += -<size_t>(exchange.room + at) & (TAKE_ALIGNMENT - 1)
    if at + size > _room_bytes():
        return arena_take(&exchange.arena, size)
    exchange.room_used = <uint32_t>(at + size)
    return exchange.room + at


cdef void *exchange_take(exchange_t *exchange, size_t size) noexcept nogil:
    cdef void *taken = exchange_room(exchange, size)
    if taken != NULL:
        memset(taken, 0, size)
    return taken


cdef span_t exchange_keep(exchange_t *exchange, span_t source, bint *failed_out) noexcept nogil:
    cdef char *at = <char *>exchange_take(exchange, source.len if source.len else 1)
    if at == NULL:
        failed_out[0] = True
        return span_none()
    if source.len:
        memcpy(at, source.at, source.len)
    return span_of(at, source.len)


cdef bint exchange_keep_answer(exchange_t *exchange) noexcept nogil:
    cdef bint failed = False
    cdef span_t copy = exchange_keep(
        exchange, span_of(exchange.answer.base, exchange.answer_parser.head_bytes), &failed
    )
    if failed:
        return False
    exchange.answer.base = <char *>copy.at
    exchange.is_answer_kept = True
    return True


cdef void _mask(exchange_t *exchange, span_t uri) noexcept nogil:
    """Stars over the values, however many of them there are. `uri` lies in `input`."""
    cdef const char *mark = <const char *>memchr(uri.at, c'?', uri.len)
    cdef const secret_arg_t *secret
    cdef query_arg_t arg
    cdef span_t query
    if mark == NULL:
        return
    query = span_of(mark + 1, uri.len - <size_t>(mark + 1 - uri.at))
    while query_next(&query, &arg):
        secret = exchange.snapshot.secret_args
        while secret != NULL:
            if arg.value.len and uri_name_eq(arg.name, secret.name):
                memset(exchange.input + (arg.value.at - exchange.input), c'*', arg.value.len)
            secret = secret.next


cdef void exchange_mask(exchange_t *exchange) noexcept nogil:
    cdef const header_t *referer
    if exchange.snapshot.secret_args == NULL:
        return
    _mask(exchange, exchange_target(exchange))
    referer = message_find(&exchange.request, HEADER_REFERER)
    if referer != NULL:
        _mask(exchange, header_value(&exchange.request, referer))


cdef span_t _keep_name(char *at, span_t name) noexcept nogil:
    if name.len:
        memcpy(at, name.at, name.len)
    return span_of(at, name.len)


cdef bint exchange_into_tunnel(exchange_t *exchange) noexcept nogil:
    cdef const route_t *route = exchange.route
    cdef const service_t *service = exchange.service
    cdef span_t consumer = exchange_consumer(exchange)
    cdef tunnel_t *tunnel = <tunnel_t *>memory_take(sizeof(tunnel_t) + route.name.len + service.name.len + consumer.len)
    if tunnel == NULL:
        return False
    memset(tunnel, 0, sizeof(tunnel_t))
    tunnel.idle_ns = exchange.snapshot.settings.timeouts.tunnel
    tunnel.route.name = _keep_name(tunnel.names, route.name)
    tunnel.service.name = _keep_name(tunnel.names + route.name.len, service.name)
    tunnel.consumer = _keep_name(tunnel.names + route.name.len + service.name.len, consumer)
    tunnel.route.service = &tunnel.service
    tunnel.route.series = exchange.series
    if exchange.series != NULL:
        series_ref(exchange.series)
    exchange.route = &tunnel.route
    exchange.chain = NULL
    exchange.service = &tunnel.service
    exchange.consumer = NULL
    exchange_mask(exchange)
    exchange.tunnel = tunnel
    own_add_u64(&exchange.lane.reactor.counters.tunnels, 1)
    _unpin(exchange)
    return True


cdef void _tunnel_free(exchange_t *exchange) noexcept nogil:
    if exchange.tunnel.route.series != NULL:
        series_unref(exchange.tunnel.route.series)
    memory_give(exchange.tunnel)
    own_add_u64(&exchange.lane.reactor.counters.tunnels, <uint64_t>-1)


cdef void exchange_hold(exchange_t *exchange, const limit_key_t *key) noexcept nogil:
    exchange.hold = key[0]
    exchange.is_held = True


cdef void exchange_lend_body(exchange_t *exchange) noexcept nogil:
    exchange.parking.body = exchange.kept
    memset(&exchange.kept, 0, sizeof(buffer_t))


cdef void exchange_close(exchange_t *exchange) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    if exchange.is_held:
        limit_release(&lane.gate.limits, &exchange.hold, 1)
    if exchange.input != exchange.room:
        memory_give(exchange.input)
    if exchange.request.headers != exchange.headers:
        memory_give(exchange.request.headers)
    if exchange.answer.headers != exchange.answer_headers:
        memory_give(exchange.answer.headers)
    if exchange.path_block != NULL:
        memory_give(exchange.path_block)
    timer_remove(&exchange.wait)
    if exchange.parking != NULL:
        exchange.parking.exchange = NULL    # the answer still to come finds nobody
        if exchange.parking.reads_body:
            exchange_lend_body(exchange)
    if exchange.keepsake != NULL:
        exchange.keepsake.on_over(exchange.keepsake)
    if exchange.withheld != NULL:
        buffer_clear(&exchange.withheld.body)
        buffer_clear(&exchange.withheld.fields)
    if exchange.mirror != NULL:
        lane.on_closing(exchange)
    if exchange.arena.head != NULL:
        arena_close(&exchange.arena)
    buffer_clear(&exchange.kept)
    buffer_clear(&exchange.next_input)
    buffer_clear(&exchange.answer_input)
    parser_close(&exchange.parser)
    parser_close(&exchange.answer_parser)
    if exchange.tunnel != NULL:
        _tunnel_free(exchange)
    else:
        _unpin(exchange)
    own_add_u64(&lane.reactor.counters.requests_active, <uint64_t>-1)
    exchange.next_spare = lane.spare
    lane.spare = exchange
    lane.n_spare += 1
    if lane.n_spare > LANE_SPARE_WHEN_SHORT:
        exchange_free_spare(lane, LANE_SPARE_WHEN_SHORT if memory_is_short() else LANE_SPARE_EXCHANGES)


cdef void exchange_free_spare(lane_t *lane, uint32_t but) noexcept nogil:
    cdef exchange_t *exchange
    while lane.n_spare > but:
        exchange = lane.spare
        lane.spare = exchange.next_spare
        lane.n_spare -= 1
        memory_give(exchange)


cdef bint exchange_grow_input(exchange_t *exchange, uint32_t limit) noexcept nogil:
    cdef uint32_t size = exchange.input_size * 2
    cdef char *block
    if exchange.input_size >= limit:
        return False
    if size > limit:
        size = limit
    if not memory_admits():
        return False
    if exchange.input == exchange.room:
        block = <char *>memory_take(size)
        if block != NULL:
            memcpy(block, exchange.input, exchange.input_len)
    else:
        block = <char *>memory_resize(exchange.input, size)
    if block == NULL:
        return False
    exchange.input = block
    exchange.input_size = size
    exchange.request.base = block
    return True


cdef span_t exchange_path(const exchange_t *exchange) noexcept nogil:
    if exchange.path_block != NULL:
        return span_of(exchange.path_block, exchange.path_len)
    return span_of(exchange.input + exchange.path_at, exchange.path_len)


cdef span_t exchange_query(const exchange_t *exchange) noexcept nogil:
    if exchange.query_edited.at != NULL:
        return exchange.query_edited
    return span_of(exchange.input + exchange.query_at, exchange.query_len)


cdef span_t exchange_target(const exchange_t *exchange) noexcept nogil:
    return span_of(exchange.input + exchange.request.target, exchange.request.target_len)


cdef void _format_date(uint64_t seconds, char *room) noexcept nogil:
    """IMF-fixdate (RFC 9110 section 5.6.7); days to civil date after Hinnant, "chrono-compatible date algorithms"."""
    cdef uint64_t days = seconds // 86400
    cdef unsigned rest = <unsigned>(seconds % 86400)
    cdef uint64_t shifted = days + 719468
    cdef uint64_t era = shifted // 146097
    cdef unsigned of_era = <unsigned>(shifted - era * 146097)
    cdef unsigned year_of_era = (of_era - of_era // 1460 + of_era // 36524 - of_era // 146096) // 365
    cdef unsigned of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    cdef unsigned month_from_march = (5 * of_year + 2) // 153
    cdef unsigned day = of_year - (153 * month_from_march + 2) // 5 + 1
    cdef unsigned month = month_from_march + 3 if month_from_march < 10 else month_from_march - 9
    cdef unsigned year = <unsigned>(era * 400) + year_of_era + (1 if month <= 2 else 0)
    memcpy(room, b"Thu, 01 Jan 1970 00:00:00 GMT", DATE_BYTES)
    memcpy(room, DAYS + 3 * (days % 7), 3)
    put_pair(room + 5, day)
    memcpy(room + 8, MONTHS + 3 * (month - 1), 3)
    put_pair(room + 12, year // 100)
    put_pair(room + 14, year % 100)
    put_pair(room + 17, rest // 3600)
    put_pair(room + 20, rest // 60 % 60)
    put_pair(room + 23, rest % 60)


cdef span_t lane_date(lane_t *lane) noexcept nogil:
    cdef uint64_t second = gate_wall_ns(lane.gate, lane.reactor.now_ns) // NS_PER_SECOND
    if second != lane.date_second:
        lane.date_second = second
        _format_date(second, lane.date)
    return span_of(lane.date, DATE_BYTES)

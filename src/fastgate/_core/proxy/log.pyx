"""What became of a request, told to those who count and write."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport strlen

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.buffer cimport buffer_len
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport span_none, span_of, span_t
from fastgate._core.http.llhttp cimport llhttp_method_name
from fastgate._core.http.message cimport (
    HEADER_REFERER,
    HEADER_USER_AGENT,
    header_id_t,
    header_t,
    header_value,
    message_find,
)
from fastgate._core.net.address cimport address_format
from fastgate._core.observe.access_format cimport ACCESS_FIELD_BYTES
from fastgate._core.observe.access_log cimport access_log_emit
from fastgate._core.observe.access_record cimport access_record_t, log_name_t
from fastgate._core.observe.series cimport series_count
from fastgate._core.proxy.exchange cimport (
    REQUEST_ID_BYTES,
    exchange_consumer,
    exchange_mask,
    exchange_t,
    exchange_target,
    gate_wall_ns,
    lane_t,
)
from fastgate._core.proxy.phases cimport phases_log


cdef inline span_t _value_of(exchange_t *exchange, header_id_t id) noexcept nogil:
    cdef const header_t *header = message_find(&exchange.request, id)
    return header_value(&exchange.request, header) if header != NULL else span_none()


cdef inline log_name_t _named(span_t text, bint is_plain) noexcept nogil:
    cdef log_name_t name
    name.text = text
    name.is_plain = is_plain
    return name


cdef void _put_request(exchange_t *exchange, access_record_t *record) noexcept nogil:
    cdef const char *method
    record.request_id = span_of(exchange.request_id, REQUEST_ID_BYTES)
    if exchange.client_ip_len == 0:         # refused before its head was understood
        exchange.client_ip_len = <uint8_t>address_format(&exchange.client.peer, exchange.client_ip)
    record.client_ip = span_of(exchange.client_ip, exchange.client_ip_len)
    record.scheme = span_of(b"https", 5) if exchange.is_https else span_of(b"http", 4)
    if not exchange.parser.is_head_done:
        record.method = record.uri = record.user_agent = record.referer = span_none()
        record.host = _named(span_none(), False)
        record.http_minor = 0
        return
    method = llhttp_method_name(exchange.request.method)
    record.method = span_of(method, strlen(method))
    if exchange.tunnel == NULL:
        exchange_mask(exchange)
    record.uri = exchange_target(exchange)
    # What host_parse took is plain.
    record.host = _named(
        span_of(exchange.input + exchange.authority_at, exchange.authority_len),
        exchange.host_len != 0 and exchange.authority_len <= <uint32_t>ACCESS_FIELD_BYTES,
    )
    record.http_minor = exchange.request.http_minor
    record.user_agent = _value_of(exchange, HEADER_USER_AGENT)
    record.referer = _value_of(exchange, HEADER_REFERER)


cdef uint64_t _sent_ahead(const exchange_t *exchange) noexcept nogil:
    """Bytes behind a whole request: the next one's, counted there."""
    if not exchange.parser.is_complete:
        return 0
    if buffer_len(&exchange.next_input):
        return buffer_len(&exchange.next_input)
    return exchange.input_len - exchange.input_used


cdef void log_exchange(exchange_t *exchange) noexcept nogil:
    cdef lane_t *lane = exchange.lane
    cdef access_record_t record
    cdef uint64_t bytes_in = exchange.client.received - exchange.received_at_open - _sent_ahead(exchange)
    cdef uint64_t bytes_out = exchange.client.stream.sent - exchange.sent_at_open
    cdef uint64_t total_ns, gateway_ns, upstream_ns = 0
    cdef bint is_plain
    if exchange.ended_ns == 0:
        exchange.ended_ns = lane.reactor.now_ns
    total_ns = exchange.ended_ns - exchange.opened_ns
    own_add_u64(&lane.reactor.counters.bytes_out, bytes_out)
    if exchange.answered_ns:
        upstream_ns = exchange.answered_ns - exchange.forwarded_ns
    gateway_ns = _gateway_ns(exchange)
    if exchange.series != NULL:
        series_count(
            exchange.series, lane.reactor.index, exchange.status, bytes_in, bytes_out, total_ns, upstream_ns,
            gateway_ns, exchange.answered_ns != 0,
        )
    phases_log(exchange)
    if lane.gate.access_log == NULL:
        return
    _put_request(exchange, &record)
    record.route = _named(span_none(), False) if exchange.route == NULL else _named(exchange.route.name, exchange.route.is_plain)
    record.service = (
        _named(span_none(), False) if exchange.service == NULL else _named(exchange.service.name, exchange.service.is_plain)
    )
    is_plain = exchange.tunnel == NULL and exchange.consumer != NULL and exchange.consumer.is_plain
    record.consumer = _named(exchange_consumer(exchange), is_plain)
    # An address is plain; the path of a socket and the name of an application need not be.
    is_plain = exchange.target_len != 0 and (exchange.target[0] == c'[' or c'0' <= exchange.target[0] <= c'9')
    record.target = _named(span_of(exchange.target, exchange.target_len), is_plain)
    record.started_at_ms = gate_wall_ns(lane.gate, exchange.opened_ns) // NS_PER_MS
    record.bytes_in = bytes_in
    record.bytes_out = bytes_out
    record.body_bytes_out = exchange.body_bytes_out
    record.total_ns = total_ns
    record.upstream_ns = upstream_ns
    record.gateway_ns = gateway_ns
    record.snapshot = exchange.snapshot_number
    record.tries = exchange.tries
    record.status = exchange.status
    record.upstream_status = exchange.upstream_status
    record.source = exchange.source
    access_log_emit(lane.gate.access_log, lane.reactor.index, &record, &lane.reactor.counters)


cdef uint64_t _gateway_ns(exchange_t *exchange) noexcept nogil:
    """The gateway's own part: from the whole head to the first try, or to its own answer."""
    cdef uint64_t end = exchange.forwarded_ns if exchange.forwarded_ns else exchange.ended_ns
    return end - exchange.head_ns if exchange.head_ns and end > exchange.head_ns else 0

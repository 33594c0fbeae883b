"""correlation-id, first of the usual plugins (priority 100,001)."""

import os

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from fastgate._core.base.atomics cimport atomic_add_u64
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport span_of
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.base.writer cimport hex_digit, writer_number, writer_open, writer_put, writer_t, writer_text
from fastgate._core.net.address cimport ADDRESS_TEXT_BYTES, address_format, address_of_local, address_t
from fastgate._core.proxy.exchange cimport exchange_t, exchange_take, gate_wall_ns
from fastgate._core.proxy.policy cimport (
    policy_answer_add,
    policy_answer_drop,
    policy_request_add,
    policy_request_drop,
    policy_request_value,
)
from fastgate._core.reactor.reactor cimport reactor_random
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef enum:
    ID_BYTES = 160              # the longest: a tracker with an IPv6 address

cdef uint64_t process_id = os.getpid()


cdef void _put_uuid(exchange_t *exchange, char *out) noexcept nogil:
    """RFC 9562 section 5.4: 122 random bits."""
    cdef uint64_t bits[2]
    cdef unsigned nibble = 0, at
    bits[0] = reactor_random(&exchange.lane.reactor) & <uint64_t>0xffffffffffff0fffULL | 0x4000
    bits[1] = reactor_random(&exchange.lane.reactor) & <uint64_t>0x3fffffffffffffffULL | <uint64_t>0x8000000000000000ULL
    for at in range(36):
        if at == 8 or at == 13 or at == 18 or at == 23:
            out[at] = c'-'
        else:
            out[at] = hex_digit(bits[nibble >> 4] >> (60 - 4 * (nibble & 15)) & 15)
            nibble += 1


cdef void _put_tracker(exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef uint64_t ms = gate_wall_ns(exchange.lane.gate, exchange.opened_ns) // NS_PER_MS
    cdef address_t local = address_of_local(exchange.client.stream.source.fd)
    cdef char text[ADDRESS_TEXT_BYTES]
    writer_put(writer, text, address_format(&local, text))
    writer_text(writer, b"-")
    writer_number(writer, local.port)
    writer_text(writer, b"-")
    writer_number(writer, process_id)
    writer_text(writer, b"-")
    writer_number(writer, exchange.client.number)
    writer_text(writer, b"-")
    writer_number(writer, exchange.client.n_requests)
    writer_text(writer, b"-")
    writer_number(writer, ms // 1000)
    writer_text(writer, b".00" if ms % 1000 < 10 else b".0" if ms % 1000 < 100 else b".")
    writer_number(writer, ms % 1000)


cdef span_t _make(exchange_t *exchange, correlation_id_t *config) noexcept nogil:
    """Empty: no memory."""
    cdef char *room = <char *>exchange_take(exchange, ID_BYTES)
    cdef writer_t writer
    if room == NULL:
        return span_of(NULL, 0)
    writer_open(&writer, room, ID_BYTES)
    if config.generator == GENERATOR_UUID:
        _put_uuid(exchange, room)
        writer.at += 36
    elif config.generator == GENERATOR_COUNTER:
        writer_put(&writer, config.uuid, 36)
        writer_text(&writer, b"#")
        writer_number(&writer, atomic_add_u64(&config.count, 1) + 1)
    else:
        _put_tracker(exchange, &writer)
    return span_of(room, <size_t>(writer.at - room))


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef correlation_id_t *config = <correlation_id_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t id
    if not policy_request_value(exchange, config.name, &id) or id.len == 0:
        policy_request_drop(exchange, config.name)
        id = _make(exchange, config)
        if id.len:
            policy_request_add(exchange, config.name, id)
    return OK


cdef status_t _header_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    """The answer has the request's id and no other, whoever answers."""
    cdef const correlation_id_t *config = <const correlation_id_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t id
    if policy_request_value(exchange, config.name, &id) and id.len:
        policy_answer_drop(exchange, config.name)
        policy_answer_add(exchange, config.name, id)
    return OK


cdef int correlation_id_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef correlation_id_t *kept = <correlation_id_t *>keep_room(&snapshot.arena, sizeof(correlation_id_t))
    import uuid             # here: it is large, and most gateways have no such plugin

    cdef bytes made = str(uuid.uuid4()).encode()
    keep_text(&snapshot.arena, config["header_name"], &kept.name)
    kept.generator = {
        "uuid": GENERATOR_UUID, "uuid#counter": GENERATOR_COUNTER, "tracker": GENERATOR_TRACKER,
    }[config["generator"]]
    memcpy(kept.uuid, <const char *>made, 36)
    plugin.access = _access
    if config["echo_downstream"]:
        plugin.header_filter = _header_filter
    plugin.config = kept
    return 0

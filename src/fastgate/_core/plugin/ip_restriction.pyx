"""ip-restriction (priority 990). The address is the client's, as a trusted proxy names it (`real_ip_header`).

A peer on a Unix socket that nobody names an address for is refused whatever the lists say, as Kong does:
it is in no list, and a list of denied addresses must not be passed by having none.
"""

from libc.stdint cimport uint8_t

from fastgate._core.auth.ip_set cimport ip_set_has
from fastgate._core.base.span cimport span_of, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.base.writer cimport writer_open, writer_put, writer_t, writer_text
from fastgate._core.net.address cimport ADDRESS_TEXT_BYTES
from fastgate._core.plugin.networks cimport put_networks
from fastgate._core.proxy.exchange cimport exchange_t, exchange_take
from fastgate._core.proxy.policy cimport policy_refuse
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef enum:
    MESSAGE_BYTES = 32 + ADDRESS_TEXT_BYTES


cdef status_t _refuse(exchange_t *exchange, const ip_restriction_t *config) noexcept nogil:
    cdef writer_t writer
    cdef char *room
    if config.message.len:
        return policy_refuse(exchange, config.status, config.message)
    if exchange.client_address.is_unix:
        return policy_refuse(
            exchange, config.status,
            span_text(b"Cannot identify the client IP address, unix domain sockets are not supported."),
        )
    room = <char *>exchange_take(exchange, MESSAGE_BYTES)
    if room == NULL:
        return policy_refuse(exchange, config.status, span_text(b"IP address not allowed"))
    writer_open(&writer, room, MESSAGE_BYTES)
    writer_text(&writer, b"IP address not allowed: ")
    writer_put(&writer, exchange.client_ip, exchange.client_ip_len)
    return policy_refuse(exchange, config.status, span_of(room, <size_t>(writer.at - room)))


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const ip_restriction_t *config = <const ip_restriction_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const uint8_t *address = exchange.client_address.bytes
    if (
        exchange.client_address.is_unix or ip_set_has(&config.deny, address)
        or (config.has_allow and not ip_set_has(&config.allow, address))
    ):
        return _refuse(exchange, config)
    return OK


cdef int ip_restriction_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef ip_restriction_t *kept = <ip_restriction_t *>keep_room(&snapshot.arena, sizeof(ip_restriction_t))
    put_networks(&kept.allow, &snapshot.arena, config["allow"] or [])
    put_networks(&kept.deny, &snapshot.arena, config["deny"] or [])
    kept.has_allow = bool(config["allow"])
    kept.status = config["status"]
    keep_text(&snapshot.arena, config["message"], &kept.message)
    plugin.access = _access
    plugin.config = kept
    return 0

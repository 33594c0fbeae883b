"""request-termination, at the end of the access phase (priority 2)."""

import json
import os
import socket

from fastgate._core.base.span cimport span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.status_line cimport reason_phrase
from fastgate._core.http.uri cimport uri_query_arg
from fastgate._core.plugin.request_echo cimport request_echo
from fastgate._core.proxy.exchange cimport exchange_query, exchange_t
from fastgate._core.proxy.policy cimport policy_answer, policy_refuse, policy_request_has
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room, keep_text


cdef bint _is_triggered(exchange_t *exchange, span_t trigger) noexcept nogil:
    cdef span_t value
    if trigger.len == 0 or policy_request_has(exchange, trigger):
        return True
    return exchange.has_query and uri_query_arg(exchange_query(exchange), trigger, &value)


cdef const char *_default_message(unsigned status) noexcept nogil:
    """Kong's texts, where it has one and the registry of status codes has another."""
    if status == 404:
        return b"Not found"
    if status == 405:
        return b"Method not allowed"
    if status == 500:
        return b"An unexpected error occurred"
    if status == 503:
        return b"Service unavailable"
    return reason_phrase(status)


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const request_termination_t *config = <const request_termination_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t message, body
    if not _is_triggered(exchange, config.trigger):
        return OK
    message = config.message if config.message.len else span_text(_default_message(config.status))
    if config.node.at != NULL:
        body = request_echo(exchange, message, config.node)
        if body.at == NULL:
            return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
        return policy_answer(exchange, config.status, span_text(b"application/json; charset=utf-8"), body)
    if config.body.at != NULL:
        return policy_answer(exchange, config.status, config.content_type, config.body)
    return policy_refuse(exchange, config.status, message)


cdef int request_termination_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef request_termination_t *kept = <request_termination_t *>keep_room(&snapshot.arena, sizeof(request_termination_t))
    kept.status = config["status_code"]
    keep_text(&snapshot.arena, config["message"], &kept.message)
    keep_text(&snapshot.arena, config["content_type"], &kept.content_type)
    keep_text(&snapshot.arena, config["trigger"], &kept.trigger)
    if config["body"] is not None:
        keep_text(&snapshot.arena, config["body"], &kept.body)
    if config["echo"]:
        keep_bytes(&snapshot.arena, json.dumps({"hostname": socket.gethostname(), "worker_pid": os.getpid()}).encode(), &kept.node)
    plugin.access = _access
    plugin.config = kept
    return 0

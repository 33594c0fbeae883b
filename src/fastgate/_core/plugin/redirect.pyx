"""redirect (priority 779)."""

from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.status cimport status_t
from fastgate._core.base.writer cimport writer_open, writer_span, writer_t, writer_text
from fastgate._core.proxy.exchange cimport exchange_path, exchange_query, exchange_t, exchange_take
from fastgate._core.proxy.policy cimport policy_answer, policy_answer_add, policy_refuse
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED
from fastgate._core.snapshot.keep cimport keep_room, keep_text

import re


cdef span_t _with_path(exchange_t *exchange, const redirect_t *config) noexcept nogil:
    """The path is the normalised one; it begins with one slash, so it can't name another host. .at NULL: no memory."""
    cdef span_t path = exchange_path(exchange)
    cdef span_t query = exchange_query(exchange) if exchange.has_query else span_text(b"")
    cdef size_t size = config.origin.len + path.len + 1 + query.len + config.fragment.len
    cdef char *room = <char *>exchange_take(exchange, size)
    cdef writer_t writer
    if room == NULL:
        return span_of(NULL, 0)
    writer_open(&writer, room, size)
    writer_span(&writer, config.origin)
    writer_span(&writer, path)
    if query.len:
        writer_text(&writer, b"?")
        writer_span(&writer, query)
    writer_span(&writer, config.fragment)
    return span_of(room, <size_t>(writer.at - room))


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const redirect_t *config = <const redirect_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t location = _with_path(exchange, config) if config.keeps_path else config.location
    if location.at == NULL:
        return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
    policy_answer_add(exchange, span_text(b"Location"), location)
    return policy_answer(exchange, config.status, span_text(b""), span_text(b"redirecting"))


cdef int redirect_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef redirect_t *kept = <redirect_t *>keep_room(&snapshot.arena, sizeof(redirect_t))
    # The schema has seen that it is one (plugins/redirect.py).
    parts = re.match(r"([^:]+://[^/?#]+)[^#]*(#.*)?", config["location"])
    kept.status = config["status_code"]
    keep_text(&snapshot.arena, config["location"], &kept.location)
    keep_text(&snapshot.arena, parts[1], &kept.origin)
    keep_text(&snapshot.arena, parts[2], &kept.fragment)
    kept.keeps_path = config["keep_incoming_path"]
    plugin.access = _access
    plugin.config = kept
    return 0

"""bot-detection (priority 2500): who is allowed, then who is denied, then the known robots.

What a pattern's limits leave open is decided for safety: it does not allow, and it does deny.
"""

from fastgate._core.base.span cimport span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.message cimport HEADER_USER_AGENT, header_value, message_find, message_t
from fastgate._core.plugin.bot_names cimport bot_names_has
from fastgate._core.plugin.pattern_list cimport (
    VERDICT_MATCH,
    VERDICT_NONE,
    pattern_list_add,
    pattern_list_close,
    pattern_list_match,
)
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.policy cimport policy_refuse
from fastgate._core.route.pattern cimport PATTERN_ANYWHERE
from fastgate._core.snapshot.keep cimport keep_room


cdef bint _is_repeated(const message_t *request) noexcept nogil:
    cdef unsigned i, seen = 0
    for i in range(request.n_headers):
        seen += request.headers[i].id == HEADER_USER_AGENT
    return seen > 1


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const bot_detection_t *config = <const bot_detection_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t agent
    if message_find(&exchange.request, HEADER_USER_AGENT) == NULL:
        return OK
    if _is_repeated(&exchange.request):
        return policy_refuse(exchange, 400, span_text(b"Only one User-Agent header allowed"))
    agent = header_value(&exchange.request, message_find(&exchange.request, HEADER_USER_AGENT))
    if pattern_list_match(config.allow, agent, exchange.lane.scratch) == VERDICT_MATCH:
        return OK
    if pattern_list_match(config.deny, agent, exchange.lane.scratch) != VERDICT_NONE or bot_names_has(agent):
        return policy_refuse(exchange, 403, span_text(b"Forbidden"))
    return OK


cdef void _close(plugin_t *plugin) noexcept nogil:
    cdef bot_detection_t *config = <bot_detection_t *>plugin.config
    pattern_list_close(config.allow)
    pattern_list_close(config.deny)


cdef int bot_detection_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef bot_detection_t *kept = <bot_detection_t *>keep_room(&snapshot.arena, sizeof(bot_detection_t))
    plugin.config = kept
    plugin.close = _close
    plugin.access = _access
    for text in config["allow"]:
        pattern_list_add(&kept.allow, &snapshot.arena, text, PATTERN_ANYWHERE, "bot-detection")
    for text in config["deny"]:
        pattern_list_add(&kept.deny, &snapshot.arena, text, PATTERN_ANYWHERE, "bot-detection")
    return 0

"""acl, behind the authentication plugins (priority 950)."""

from libc.stdint cimport uint32_t
from libc.string cimport memcmp

from fastgate._core.base.span cimport span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.policy cimport policy_refuse, policy_request_add, policy_request_drop
from fastgate._core.snapshot.keep cimport keep_room, keep_texts
from fastgate._core.snapshot.plugin cimport consumer_t


cdef const char *NOT_YOU = b"You cannot consume this service"
cdef const char *WHO = b"Unauthorized"
cdef const char *GROUPS = b"X-Consumer-Groups"


cdef inline int _order(span_t a, span_t b) noexcept nogil:
    cdef int order = memcmp(a.at, b.at, a.len if a.len < b.len else b.len)
    return order if order else (a.len > b.len) - (a.len < b.len)


cdef bint _is_in(const consumer_t *consumer, const acl_t *config) noexcept nogil:
    """Whether two sorted lists have a group in common."""
    cdef uint32_t i = 0, k = 0
    cdef int order
    while i < consumer.n_groups and k < config.n_groups:
        order = _order(consumer.groups[i], config.groups[k])
        if order == 0:
            return True
        if order < 0:
            i += 1
        else:
            k += 1
    return False


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const acl_t *config = <const acl_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const consumer_t *consumer = exchange.consumer
    if consumer == NULL:
        return policy_refuse(exchange, 401, span_text(WHO))
    if _is_in(consumer, config) == config.denies:
        return policy_refuse(exchange, 403, span_text(NOT_YOU))
    policy_request_drop(exchange, span_text(GROUPS))
    if not config.hides and consumer.n_groups:
        policy_request_add(exchange, span_text(GROUPS), consumer.groups_text)
    return OK


cdef int acl_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef acl_t *kept = <acl_t *>keep_room(&snapshot.arena, sizeof(acl_t))
    groups = sorted(config["allow"] or config["deny"] or [], key=str.encode)
    kept.groups = keep_texts(&snapshot.arena, groups, &kept.n_groups)
    kept.denies = config["allow"] is None
    kept.hides = config["hide_groups_header"]
    plugin.access = _access
    plugin.config = kept
    return 0

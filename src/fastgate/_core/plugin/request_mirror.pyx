"""request-mirror, behind traffic-split (priority 12): which requests are copied. `proxy/mirror` does it."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.hash cimport hash_bytes
from fastgate._core.base.span cimport span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.parser cimport FRAMING_LENGTH
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.forward cimport MIRRORED
from fastgate._core.proxy.mirror cimport mirror_begin
from fastgate._core.proxy.policy cimport policy_request_drop, policy_request_has
from fastgate._core.reactor.reactor cimport reactor_random
from fastgate._core.snapshot.keep cimport keep_room, keep_text, ns_of_ms


cdef uint64_t ALL = <uint64_t>1 << 32


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const request_mirror_t *config = <const request_mirror_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t mark = span_text(MIRRORED)
    if policy_request_has(exchange, mark):
        if exchange.is_trusted:
            return OK               # a copy already: none of it again
        policy_request_drop(exchange, mark)
    if exchange.is_upgrade or config.below < ALL and reactor_random(&exchange.lane.reactor) >> 32 >= config.below:
        return OK
    if exchange.parser.framing == FRAMING_LENGTH and exchange.parser.content_length > config.rule.max_body:
        own_add_u64(&exchange.lane.reactor.counters.mirrors_over_body, 1)
        return OK
    mirror_begin(exchange, &config.rule)
    return OK


cdef int _put_url(request_mirror_t *kept, snapshot_t *snapshot, str url, target, dict places) except -1:
    cdef uint32_t at = places["targets"][target]
    kept.target = snapshot.targets[at]
    kept.rule.service = &kept.target
    path = "" if url.startswith("unix:") else url.partition("://")[2].partition("/")
    keep_text(&snapshot.arena, "/" + path[2] if path and path[1] else "", &kept.target.path)
    return 0


cdef int request_mirror_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef request_mirror_t *kept = <request_mirror_t *>keep_room(&snapshot.arena, sizeof(request_mirror_t))
    cdef uint32_t at
    if config["service"] is not None:
        at = context["services"][config["service"]]
        kept.rule.service = &snapshot.services[at]
    elif config["upstream"] is not None:
        at = context["targets"][config["upstream"], 0]
        kept.rule.service = &snapshot.targets[at]
        kept.rule.is_upstream = True
    else:
        _put_url(kept, snapshot, config["url"], tuple(context["entity"]["targets"][0]), context)
    kept.rule.id = hash_bytes(plugin.id.at, plugin.id.len, 0)
    kept.rule.timeout_ns = ns_of_ms(config["timeout"])
    kept.rule.max_answer = config["max_answer"]
    kept.rule.max_body = config["max_body"]
    kept.rule.max_pending = config["max_pending"]
    kept.below = <uint64_t>round(config["percent"] / 100 * ALL)
    plugin.access = _access
    plugin.config = kept
    return 0

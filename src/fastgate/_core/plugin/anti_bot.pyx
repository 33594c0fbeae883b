"""anti-bot (priority 2400): scores what an address does, and bans it for a time once that is too much."""

import os

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.auth.ip_set cimport ip_set_has
from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.siphash cimport siphash
from fastgate._core.base.span cimport span_none, span_t
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.guard.score cimport guard_rules_t, visit_t
from fastgate._core.guard.table cimport (
    GUARD_BANNED,
    GUARD_NEW_BAN,
    GUARD_SUSPECT,
    guard_judge,
    guard_miss,
    guard_network,
    guard_verdict_t,
)
from fastgate._core.http.message cimport HEADER_USER_AGENT, header_t, header_value, message_find
from fastgate._core.plugin.bot_names cimport bot_names_has
from fastgate._core.plugin.networks cimport put_networks
from fastgate._core.plugin.pattern_list cimport VERDICT_MATCH, pattern_list_add, pattern_list_close, pattern_list_match
from fastgate._core.plugin.probe_paths cimport probe_paths_has
from fastgate._core.proxy.exchange cimport exchange_path, exchange_t
from fastgate._core.proxy.policy cimport policy_refuse
from fastgate._core.route.pattern cimport PATTERN_ANYWHERE
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef enum:
    MOST_DIGITS = 18

# This process's own: nobody outside can find two paths that look like one.
cdef uint64_t secret = int.from_bytes(os.urandom(8), "little")


cdef void _read_number(visit_t *visit, span_t path) noexcept nogil:
    """The last run of digits in the path: what changes when somebody counts through a collection."""
    cdef size_t end = path.len, at
    while end > 0 and not (c'0' <= path.at[end - 1] <= c'9'):
        end -= 1
    at = end
    while at > 0 and c'0' <= path.at[at - 1] <= c'9':
        at -= 1
    if at == end or end - at > MOST_DIGITS:
        return
    visit.has_number = True
    while at < end:
        visit.number = visit.number * 10 + <uint64_t>(path.at[at] - c'0')
        at += 1


cdef visit_t _visit(exchange_t *exchange, const anti_bot_t *config) noexcept nogil:
    cdef const header_t *field = message_find(&exchange.request, HEADER_USER_AGENT)
    cdef span_t agent = header_value(&exchange.request, field) if field != NULL else span_none()
    cdef span_t path = exchange_path(exchange)
    cdef visit_t visit
    visit.number = 0
    visit.has_number = False
    _read_number(&visit, path)
    visit.path_hash = siphash(path.at, path.len, config.seed, 0)
    visit.agent_hash = <uint32_t>siphash(agent.at, agent.len, config.seed, 1) if agent.len else 0
    visit.is_odd_agent = agent.len == 0 or bot_names_has(agent)
    visit.is_probe = (probe_paths_has(path)
                      or pattern_list_match(config.probes, path, exchange.lane.scratch) == VERDICT_MATCH)
    return visit


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const anti_bot_t *config = <const anti_bot_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef guard_verdict_t verdict
    cdef uint8_t network[16]
    cdef visit_t visit
    # On a Unix socket nobody has an address to ban.
    if exchange.client_address.is_unix or ip_set_has(&config.exempt, exchange.client_address.bytes):
        return OK
    guard_network(exchange.client_address.bytes, network)
    visit = _visit(exchange, config)
    verdict = guard_judge(exchange.lane.gate.guard, &config.rules, &visit, network, exchange.lane.reactor.now_ns)
    if verdict == GUARD_SUSPECT:
        own_add_u64(&exchange.lane.reactor.counters.bots_suspected, 1)
    if verdict != GUARD_NEW_BAN and verdict != GUARD_BANNED:
        return OK
    own_add_u64(&exchange.lane.reactor.counters.bots_refused, 1)
    return policy_refuse(exchange, config.status, config.message)


cdef status_t _log(const plugin_t *plugin, void *subject) noexcept nogil:
    """Who asks for what there isn't, often, is looking for something."""
    cdef const anti_bot_t *config = <const anti_bot_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef uint8_t network[16]
    if exchange.status == 404 and not exchange.client_address.is_unix:
        guard_network(exchange.client_address.bytes, network)
        guard_miss(exchange.lane.gate.guard, &config.rules, network, exchange.lane.reactor.now_ns)
    return OK


cdef void _close(plugin_t *plugin) noexcept nogil:
    pattern_list_close((<anti_bot_t *>plugin.config).probes)


cdef int _build_rules(guard_rules_t *rules, str id, dict config) except -1:
    cdef bytes raw = id.encode()
    cdef dict full = config["full"], weights = config["weights"]
    rules.owner = siphash(<const char *>raw, <size_t>len(raw), secret, 0) | 1
    rules.window_ns = <uint64_t>(config["window"] * 1_000_000_000)
    rules.ban_ns = <uint64_t>(config["ban_ttl"] * 1_000_000_000)
    rules.threshold = config["threshold"]
    rules.requests = full["requests"]
    rules.paths = full["paths"]
    rules.misses = full["misses"]
    rules.sequence = full["sequence"]
    rules.agents = full["agents"]
    rules.rate_weight = weights["requests"]
    rules.spread_weight = weights["paths"]
    rules.probe_weight = weights["probe"]
    rules.miss_weight = weights["misses"]
    rules.sequence_weight = weights["sequence"]
    rules.agent_weight = weights["agents"]
    rules.is_dry = config["dry_run"]
    return 0


cdef int anti_bot_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef anti_bot_t *kept = <anti_bot_t *>keep_room(&snapshot.arena, sizeof(anti_bot_t))
    plugin.config = kept
    plugin.close = _close
    plugin.access = _access
    plugin.log = _log
    _build_rules(&kept.rules, context["entity"]["id"], config)
    put_networks(&kept.exempt, &snapshot.arena, config["exempt"])
    kept.seed = secret
    kept.status = config["status"]
    keep_text(&snapshot.arena, config["message"], &kept.message)
    for text in config["probes"]:
        pattern_list_add(&kept.probes, &snapshot.arena, text, PATTERN_ANYWHERE, "anti-bot")
    return 0

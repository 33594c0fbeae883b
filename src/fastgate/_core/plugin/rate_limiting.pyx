"""rate-limiting, behind whatever says who calls (priority 910)."""

import os
from hashlib import blake2b

from libc.stdint cimport uint32_t, uint64_t, uintptr_t

from fastgate._core.base.atomics cimport atomic_load_u32, own_add_u64
from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.decimal cimport put_decimal
from fastgate._core.base.siphash cimport siphash, siphash_two
from fastgate._core.base.span cimport span_eq, span_none, span_of, span_t, span_text
from fastgate._core.base.status cimport AGAIN, OK, status_t
from fastgate._core.limit.limiter cimport limit_decide, limit_know, limit_look, limit_result_t, limit_window_result_t
from fastgate._core.limit.rule cimport (
    LIMIT_CONCURRENCY,
    LIMIT_FIXED_WINDOW,
    LIMIT_GCRA,
    LIMIT_LEAKY_BUCKET,
    LIMIT_SLIDING_WINDOW,
    limit_algorithm_t,
    limit_rule_prepare,
    limit_window_t,
)
from fastgate._core.limit.sharing cimport limit_sharing_t
from fastgate._core.limit.table cimport limit_key_t, limit_table_t
from fastgate._core.observe.text cimport put_span, put_text
from fastgate._core.proxy.exchange cimport (
    exchange_hold,
    exchange_path,
    exchange_t,
    gate_wall_ns,
)
from fastgate._core.proxy.policy cimport policy_answer_lines, policy_answer_lines_end, policy_refuse, policy_request_value, policy_wait
from fastgate._core.plugin.rate_ask cimport RATE_REFUSED, RATE_UNKNOWN, rate_ask, rate_ask_t, rate_asks_t
from fastgate._core.proxy.reply cimport TEXT_UNEXPECTED
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room, keep_text, ns_of_ms

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    NUMBER_BYTES = 10           # the digits of a uint32_t
    TIGHTEST_BYTES = 63 + 3 * NUMBER_BYTES      # of the three fields about the tightest limit
    RETRY_BYTES = 15 + NUMBER_BYTES
    ASK_GRACE_MS = 2000         # beyond what Redis may take: the control loop has its own deadline


# As the plugin's schema has them (fastgate.plugins.rate_limiting; a test compares).
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400, "month": 2592000, "year": 31536000}
ALGORITHMS = {
    "sliding-window": LIMIT_SLIDING_WINDOW,
    "fixed-window": LIMIT_FIXED_WINDOW,
    "token-bucket": LIMIT_GCRA,
    "leaky-bucket": LIMIT_LEAKY_BUCKET,
}
IDENTITIES = {
    "consumer": IDENTITY_CONSUMER,
    "credential": IDENTITY_CREDENTIAL,
    "ip": IDENTITY_IP,
    "service": IDENTITY_SERVICE,
    "header": IDENTITY_HEADER,
    "path": IDENTITY_PATH,
}

# This process's own: nobody outside can find two callers with one counter, or a full shard of the table.
cdef uint64_t secret_0 = int.from_bytes(os.urandom(8), "little")
cdef uint64_t secret_1 = int.from_bytes(os.urandom(8), "little")


# --- who calls

cdef span_t _identity(exchange_t *exchange, const rate_limiting_t *config, identity_t kind) noexcept nogil:
    """Empty: there is none."""
    cdef span_t value = span_none()
    if kind == IDENTITY_CONSUMER:
        if exchange.consumer != NULL:
            value = exchange.consumer.id
    elif kind == IDENTITY_CREDENTIAL:
        value = exchange.credential
    elif kind == IDENTITY_SERVICE:
        if exchange.route.service != NULL:
            value = exchange.route.service.name
    elif kind == IDENTITY_HEADER:
        if not policy_request_value(exchange, config.header_name, &value):
            value = span_none()
    elif kind == IDENTITY_PATH:
        if span_eq(exchange_path(exchange), config.path):
            value = config.path
    return value


cdef limit_key_t _key(exchange_t *exchange, const rate_limiting_t *config) noexcept nogil:
    """Each identity is hashed under what came of those before it, so no two lists of them make the same text."""
    cdef limit_key_t key, seed
    cdef identity_t kind
    cdef span_t value
    cdef unsigned i
    if config.is_by_mark and exchange.consumer != NULL:
        key.low = config.seeds[0] ^ exchange.consumer.mark[0]
        key.high = config.seeds[1] ^ exchange.consumer.mark[1]
        return key
    key.low = 0
    key.high = 0
    for i in range(config.n_identities):
        kind = config.identities[i]
        value = _identity(exchange, config, kind)
        if value.len == 0:
            kind = IDENTITY_IP
            value = span_of(exchange.client_ip, exchange.client_ip_len)
        seed = key
        seed.low ^= <uint64_t>kind
        key.low = siphash_two(value.at, value.len, config.seeds[0] ^ seed.low, config.seeds[1] ^ seed.high, &key.high)
    return key


# --- what the answer says

cdef void _tell(exchange_t *exchange, const rate_limiting_t *config, const rate_fields_t *about, const limit_result_t *result,
                bint has_tightest) noexcept nogil:
    """Two fields of each limit; and the three about the tightest, of the draft of the IETF that has them so."""
    cdef uint32_t n = result.n_windows
    cdef const limit_window_result_t *tightest = &result.windows[result.tightest]
    cdef char *at
    cdef uint32_t i
    if n == 0:
        return
    at = policy_answer_lines(exchange, 2 * n + (3 if has_tightest else 0), config.text_bytes)
    if at == NULL:
        return
    for i in range(n):
        if i:
            at = put_text(at, b"\r\n")
        at = put_decimal(put_span(at, about[i].lines), result.windows[i].remaining)
    if has_tightest:
        at = put_decimal(put_span(at, about[result.tightest].tightest_lines), tightest.remaining)
        at = put_decimal(put_text(at, b"\r\nRateLimit-Reset: "), tightest.reset_s)
    policy_answer_lines_end(exchange, put_text(at, b"\r\n"))


cdef status_t _refuse(exchange_t *exchange, const rate_limiting_t *config, uint32_t retry_after_s) noexcept nogil:
    cdef char *at
    own_add_u64(&exchange.lane.reactor.counters.rate_limited, 1)
    if not config.hides_fields:
        at = policy_answer_lines(exchange, 1, RETRY_BYTES)
        if at != NULL:
            at = put_decimal(put_text(at, b"Retry-After: "), retry_after_s)
            policy_answer_lines_end(exchange, put_text(at, b"\r\n"))
    return policy_refuse(exchange, config.status, config.message)


# --- the decision

cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    """A place first, then the windows: a call refused for want of a place counts in none of them, while
    one that a window refuses has its place for no longer than its answer takes.
    """
    cdef const rate_limiting_t *config = <const rate_limiting_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef limit_table_t *table = &exchange.lane.gate.limits
    cdef limit_key_t key = _key(exchange, config)
    cdef uint64_t now_ns = gate_wall_ns(exchange.lane.gate, exchange.lane.reactor.now_ns)
    cdef limit_result_t place
    if config.concurrency.n_windows:
        limit_decide(table, &config.concurrency, &key, now_ns, 1, &place)
        if place.admitted:
            exchange_hold(exchange, &key)
        if not config.hides_fields:
            _tell(exchange, config, &config.concurrency_fields, &place, False)
        if not place.admitted:
            return _refuse(exchange, config, place.retry_after_s)
    if config.windows.n_windows == 0:
        return OK
    if config.asks != NULL and not atomic_load_u32(&config.windows.sharing.is_away) and rate_ask(
            exchange, config.asks, plugin, config.windows.sharing, &key, now_ns, config.patience_ns, _on_answer) == AGAIN:
        return AGAIN
    return _decide(exchange, config, &key, now_ns)


cdef status_t _decide(exchange_t *exchange, const rate_limiting_t *config, const limit_key_t *key, uint64_t now_ns) noexcept nogil:
    """By what is known here."""
    cdef limit_result_t rate
    if config.refuses_unknown and (config.asks != NULL or atomic_load_u32(&config.windows.sharing.is_away)):
        return policy_refuse(exchange, 500, span_text(TEXT_UNEXPECTED))
    limit_decide(&exchange.lane.gate.limits, &config.windows, key, now_ns, 1, &rate)
    if not config.hides_fields:
        _tell(exchange, config, config.window_fields, &rate, True)
    if not rate.admitted:
        return _refuse(exchange, config, rate.retry_after_s)
    return policy_wait(exchange, rate.delay_ns) if rate.delay_ns else OK


cdef void _on_answer(exchange_t *exchange, const rate_ask_t *ask) noexcept nogil:
    cdef const rate_limiting_t *config = <const rate_limiting_t *>ask.plugin.config
    cdef limit_table_t *table = &exchange.lane.gate.limits
    cdef limit_result_t rate
    if ask.verdict == RATE_UNKNOWN:
        _decide(exchange, config, &ask.key, ask.now_wall_ns)
        return
    # Known here too, for the answer's fields, and for when nobody can be asked.
    limit_know(table, &config.windows, &ask.key, ask.now_wall_ns, ask.counts)
    limit_look(table, &config.windows, &ask.key, ask.now_wall_ns, &rate)
    if not config.hides_fields:
        _tell(exchange, config, config.window_fields, &rate, True)
    if ask.verdict == RATE_REFUSED:
        _refuse(exchange, config, rate.retry_after_s if rate.retry_after_s else 1)


# --- build

cdef int _put_fields(arena_t *arena, rate_limiting_t *kept, rate_fields_t *fields, str name, uint32_t limit) except -1:
    cdef bytes window = name.encode()
    cdef bytes text = str(limit).encode()
    keep_bytes(arena, b"X-RateLimit-Limit-%s: %s\r\nX-RateLimit-Remaining-%s: " % (window, text, window), &fields.lines)
    keep_bytes(arena, b"\r\nRateLimit-Limit: %s\r\nRateLimit-Remaining: " % text, &fields.tightest_lines)
    kept.text_bytes += <uint32_t>fields.lines.len + NUMBER_BYTES + 2
    return 0


cdef int _put_windows(arena_t *arena, rate_limiting_t *kept, dict config) except -1:
    cdef limit_window_t *window
    kept.windows.algorithm = <limit_algorithm_t><int>ALGORITHMS[config["algorithm"]]
    kept.windows.max_delay_ns = ns_of_ms(config["max_delay"] or 0)
    for name, seconds in SECONDS.items():
        if config[name] is None:
            continue
        window = &kept.windows.windows[kept.windows.n_windows]
        window.period_ns = ns_of_ms(seconds * 1000)
        window.limit = config[name]
        window.burst = config["burst"] or 0
        _put_fields(arena, kept, &kept.window_fields[kept.windows.n_windows], name.title(), window.limit)
        kept.windows.n_windows += 1
    return 0


cdef int _put_concurrency(arena_t *arena, rate_limiting_t *kept, uint32_t limit) except -1:
    kept.concurrency.algorithm = LIMIT_CONCURRENCY
    kept.concurrency.n_windows = 1
    kept.concurrency.windows[0].limit = limit
    return _put_fields(arena, kept, &kept.concurrency_fields, "Concurrency", limit)


cdef int _share(rate_limiting_t *kept, str id, dict config, object shared) except -1:
    """Keys that mean the same in all gateways: hashed under what they all know, and others do not if Redis
    has a password."""
    cdef uintptr_t address = shared.address_of(id)
    cdef uint32_t i
    secret = blake2b((config["redis"]["password"] or "").encode(), digest_size=32, key=b"fastgate rate-limiting", salt=b"keys",
                     person=b"1").digest()
    seeds = blake2b(id.encode(), digest_size=16, key=secret).digest()
    for i in range(2):
        kept.seeds[i] = int.from_bytes(seeds[8 * i:8 * i + 8], "little")
    kept.windows.sharing = <limit_sharing_t *>address
    kept.refuses_unknown = not config["fault_tolerant"]
    if config["sync_rate"] == 0:
        address = shared.asks_address()
        kept.asks = <rate_asks_t *>address
        kept.patience_ns = ns_of_ms(ASK_GRACE_MS + config["redis"]["timeout"])
    return 0


cdef int rate_limiting_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef rate_limiting_t *kept = <rate_limiting_t *>keep_room(arena, sizeof(rate_limiting_t))
    cdef list identities = [config["limit_by"]] if isinstance(config["limit_by"], str) else config["limit_by"]
    cdef uint32_t i
    for i in range(2):
        kept.seeds[i] = siphash(plugin.id.at, plugin.id.len, secret_0 ^ i, secret_1)
    if config["policy"] == "redis":
        _share(kept, context["entity"]["id"], config, context["shared"])
    for name in sorted(identities):         # their order in the file means nothing
        kept.identities[kept.n_identities] = <identity_t><int>IDENTITIES[name]
        kept.n_identities += 1
    kept.is_by_mark = identities == ["consumer"] and kept.windows.sharing == NULL
    keep_text(arena, config["header_name"], &kept.header_name)
    keep_text(arena, config["path"], &kept.path)
    kept.status = config["error_code"]
    keep_text(arena, config["error_message"], &kept.message)
    kept.hides_fields = config["hide_client_headers"]
    kept.text_bytes = TIGHTEST_BYTES
    _put_windows(arena, kept, config)
    if kept.windows.n_windows and limit_rule_prepare(&kept.windows) != OK:
        raise SnapshotError(f'plugin "{context["entity"]["id"]}"', "config.burst", "the bucket takes too long to fill: over 70 years")
    if config["concurrency"] is not None:
        _put_concurrency(arena, kept, config["concurrency"])
        limit_rule_prepare(&kept.concurrency)
    plugin.access = _access
    plugin.config = kept
    return 0

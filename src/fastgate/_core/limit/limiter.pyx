"""The decision: levels, fit, take, tell; the algorithms have a file each."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.limit.concurrency cimport concurrency_give_locked, concurrency_level, concurrency_wait_ns
from fastgate._core.limit.fixed_window cimport fixed_window_level, fixed_window_wait_ns, window_roll
from fastgate._core.limit.gcra cimport arrival_level, gcra_remaining, gcra_wait_ns
from fastgate._core.limit.leaky_bucket cimport leaky_bucket_remaining, leaky_bucket_wait_ns
from fastgate._core.limit.level cimport level_t
from fastgate._core.limit.rule cimport (
    LIMIT_CONCURRENCY, LIMIT_FAMILY_HOLDERS, LIMIT_FIXED_WINDOW, LIMIT_GCRA, LIMIT_LEAKY_BUCKET, LIMIT_SLIDING_WINDOW, limit_rule_adopt,
    limit_rule_t, limit_window_t,
)
from fastgate._core.limit.share cimport limit_share_count_locked, limit_share_reserve_locked
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS
from fastgate._core.limit.sliding_window cimport sliding_window_level, sliding_window_wait_ns
from fastgate._core.limit.table cimport (
    limit_cell_t, limit_entry_t, limit_find_locked, limit_hold_locked, limit_key_t, limit_shard_lock,
    limit_shard_t, limit_shard_unlock, limit_table_t, limit_take_locked,
)


cdef enum:
    NS_PER_S = 1000000000
    SHARED_WAIT_NS = NS_PER_S       # until what the others leave is known


cdef inline limit_key_t _key_of(uint64_t family, const limit_key_t *key) noexcept nogil:
    cdef limit_key_t own
    own.low = key.low ^ family
    own.high = key.high
    return own


cdef inline level_t _level(const limit_rule_t *rule, const limit_window_t *window, limit_cell_t *cell,
                           uint64_t now_ns) noexcept nogil:
    if rule.algorithm == LIMIT_SLIDING_WINDOW:
        return sliding_window_level(cell, window, now_ns)
    if rule.algorithm == LIMIT_FIXED_WINDOW:
        return fixed_window_level(cell, window, now_ns)
    if rule.algorithm == LIMIT_CONCURRENCY:
        return concurrency_level(cell)
    return arrival_level(cell, window, now_ns)


cdef inline uint64_t _wait_ns(const limit_rule_t *rule, const limit_window_t *window, const limit_cell_t *cell,
                              level_t level, uint64_t cost) noexcept nogil:
    """How long until it fits, if nothing else is admitted; 0: it fits."""
    if rule.algorithm == LIMIT_SLIDING_WINDOW:
        return sliding_window_wait_ns(level, cell, window, cost)
    if rule.algorithm == LIMIT_FIXED_WINDOW:
        return fixed_window_wait_ns(level, window, cost)
    if rule.algorithm == LIMIT_CONCURRENCY:
        return concurrency_wait_ns(level, window, cost)
    if rule.algorithm == LIMIT_GCRA:
        return gcra_wait_ns(level, window, cost)
    return leaky_bucket_wait_ns(level, window, rule.max_delay_ns, cost)


cdef inline void _take(const limit_rule_t *rule, const limit_window_t *window, limit_cell_t *cell, level_t *level,
                       uint64_t leaves_ns, uint64_t now_ns, uint64_t cost) noexcept nogil:
    if rule.algorithm == LIMIT_GCRA or rule.algorithm == LIMIT_LEAKY_BUCKET:
        # All but a leaky bucket's requests leave at once; then `leaves_ns` is now.
        if cost:
            cell.at_ns = (leaves_ns if leaves_ns > cell.at_ns else cell.at_ns) + cost * window.interval_ns
            level.used = cell.at_ns - now_ns
            level.left_ns = level.used
    else:
        cell.count += <uint32_t>cost
        level.used += cost


cdef inline uint64_t _remaining(const limit_rule_t *rule, const limit_window_t *window, level_t level) noexcept nogil:
    if rule.algorithm == LIMIT_GCRA:
        return gcra_remaining(level, window)
    if rule.algorithm == LIMIT_LEAKY_BUCKET:
        return leaky_bucket_remaining(level, window, rule.max_delay_ns)
    return window.limit - level.used if level.used < window.limit else 0


cdef inline uint32_t _seconds(uint64_t ns) noexcept nogil:
    cdef uint64_t s = (ns + NS_PER_S - 1) // NS_PER_S
    return <uint32_t>s if s < <uint32_t>-1 else <uint32_t>-1


cdef inline status_t _decide(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key,
                             uint64_t now_wall_ns, uint32_t cost, bint takes, limit_result_t *result_out) noexcept nogil:
    cdef level_t levels[LIMIT_WINDOWS]
    cdef limit_key_t own = _key_of(rule.family, key)
    cdef limit_shard_t *shard
    cdef limit_entry_t *entry
    cdef limit_window_result_t *window_out
    cdef uint64_t wait_ns = 0
    cdef uint64_t delay_ns = 0
    cdef uint64_t each_ns
    cdef uint64_t remaining
    cdef uint32_t i, tightest = 0
    cdef uint32_t least = <uint32_t>-1
    result_out.admitted = False
    result_out.n_windows = 0
    result_out.tightest = 0
    result_out.retry_after_s = 0
    result_out.delay_ns = 0
    shard = limit_shard_lock(table, &own)
    entry = limit_take_locked(table, shard, &own)
    if entry == NULL:
        limit_shard_unlock(shard)
        result_out.retry_after_s = 1
        return NO_MEMORY
    if entry.shape != rule.shape:
        limit_rule_adopt(rule, entry)
    for i in range(rule.n_windows):
        levels[i] = _level(rule, &rule.windows[i], &entry.cells[i], now_wall_ns)
        each_ns = _wait_ns(rule, &rule.windows[i], &entry.cells[i], levels[i], cost)
        if each_ns == 0 and rule.sharing != NULL and cost and takes and levels[i].used + cost + limit_share_reserve_locked(
                shard, entry, rule, i, now_wall_ns, cost) > rule.windows[i].limit:
            each_ns = SHARED_WAIT_NS
        if each_ns > wait_ns:
            wait_ns = each_ns
        if rule.algorithm == LIMIT_LEAKY_BUCKET and levels[i].used > delay_ns:
            delay_ns = levels[i].used
    if wait_ns == 0 and takes:
        for i in range(rule.n_windows):
            _take(rule, &rule.windows[i], &entry.cells[i], &levels[i], now_wall_ns + delay_ns, now_wall_ns, cost)
        if rule.algorithm == LIMIT_CONCURRENCY and cost:
            limit_hold_locked(shard, entry, True)
        if rule.sharing != NULL and cost:
            limit_share_count_locked(table, shard, entry, rule, cost)
    limit_shard_unlock(shard)

    if wait_ns == 0:
        result_out.admitted = True
        result_out.delay_ns = delay_ns
    else:
        result_out.retry_after_s = _seconds(wait_ns)
    result_out.n_windows = rule.n_windows
    for i in range(rule.n_windows):
        window_out = &result_out.windows[i]
        remaining = _remaining(rule, &rule.windows[i], levels[i])
        window_out.limit = rule.windows[i].limit
        window_out.remaining = <uint32_t>remaining if remaining < <uint32_t>-1 else <uint32_t>-1
        window_out.reset_s = _seconds(levels[i].left_ns)
        if window_out.remaining < least or (
                window_out.remaining == least and rule.windows[i].period_ns > rule.windows[tightest].period_ns):
            tightest = i
            least = window_out.remaining
    result_out.tightest = tightest
    return OK


cdef status_t limit_decide(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key,
                           uint64_t now_wall_ns, uint32_t cost, limit_result_t *result_out) noexcept nogil:
    return _decide(table, rule, key, now_wall_ns, cost, True, result_out)


cdef void limit_look(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key, uint64_t now_wall_ns,
                     limit_result_t *result_out) noexcept nogil:
    _decide(table, rule, key, now_wall_ns, 1, False, result_out)


cdef void limit_know(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key, uint64_t now_wall_ns,
                     const uint32_t *counts) noexcept nogil:
    cdef limit_key_t own = _key_of(rule.family, key)
    cdef limit_shard_t *shard = limit_shard_lock(table, &own)
    cdef limit_entry_t *entry = limit_take_locked(table, shard, &own)
    cdef uint32_t i
    if entry != NULL:
        if entry.shape != rule.shape:
            limit_rule_adopt(rule, entry)
        for i in range(rule.n_windows):
            window_roll(&entry.cells[i], &rule.windows[i], now_wall_ns)
            if entry.cells[i].at_ns == now_wall_ns - now_wall_ns % rule.windows[i].period_ns:
                entry.cells[i].count = counts[2 * i]
                entry.cells[i].previous = counts[2 * i + 1]
    limit_shard_unlock(shard)


cdef void limit_release(limit_table_t *table, const limit_key_t *key, uint32_t cost) noexcept nogil:
    cdef limit_key_t own = _key_of(LIMIT_FAMILY_HOLDERS, key)
    cdef limit_shard_t *shard = limit_shard_lock(table, &own)
    cdef limit_entry_t *entry = limit_find_locked(table, shard, &own)
    if entry != NULL:
        concurrency_give_locked(shard, entry, cost)
    limit_shard_unlock(shard)

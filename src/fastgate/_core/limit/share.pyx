"""Beside each entry, if any rule shares its counts, its share. The decision's part is under the shard's lock already."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memset

from fastgate._core.base.atomics cimport atomic_add_u32, atomic_add_u64, atomic_load_u32, atomic_load_u64
from fastgate._core.base.spinlock cimport spin_lock
from fastgate._core.limit.rule cimport LIMIT_SLIDING_WINDOW, limit_rule_t
from fastgate._core.limit.sharing cimport (
    LIMIT_SHARDS_MOST, LIMIT_SPREAD_ONE, LIMIT_WINDOWS, limit_delta_t, limit_part_t, limit_share_t, limit_sharing_t,
)
from fastgate._core.limit.table cimport (
    limit_cell_t, limit_entry_t, limit_find_locked, limit_key_t, limit_shard_lock, limit_shard_t, limit_shard_unlock, limit_table_t,
)


cdef enum:
    # Of a window that is over, the others' last counts come with their next exchange, or the one after. Where it
    # does not weigh in, once is enough: it tells how busy they were.
    ASKS = 3
    # Of a window that began, it takes so long to hear of the others.
    YOUNG_INTERVALS = 3
    BUSY = LIMIT_SPREAD_ONE // 4
    # A key's windows, and those before them.
    DELTAS_OF_KEY = 2 * LIMIT_WINDOWS


cdef inline limit_share_t *_share(limit_shard_t *shard, limit_entry_t *entry) noexcept nogil:
    return &shard.shares[entry - shard.entries]


cdef inline uint32_t _shard_number(limit_table_t *table, limit_shard_t *shard) noexcept nogil:
    return <uint32_t>(shard - table.shards)


cdef inline void _list(limit_table_t *table, limit_shard_t *shard, limit_share_t *share) noexcept nogil:
    cdef uint32_t *head = &share.sharing.heads[_shard_number(table, shard)]
    if share.is_listed:
        return
    share.is_listed = True
    share.next = head[0]
    head[0] = <uint32_t>(share - shard.shares) + 1
    atomic_add_u32(&share.sharing.n_listed, 1)


cdef inline bint _is_young(const limit_part_t *part, limit_sharing_t *sharing, uint64_t now_ns) noexcept nogil:
    """The others have not yet told of this window."""
    cdef uint64_t lag_ns = YOUNG_INTERVALS * atomic_load_u64(&sharing.interval_ns)
    return now_ns < part.at_ns + (lag_ns if lag_ns < part.period_ns // 2 else part.period_ns // 2)


# --- beside the decision

cdef void _roll(limit_part_t *part, uint64_t at_ns, uint64_t period_ns, uint8_t asks) noexcept nogil:
    """Makes the part that of the window which starts at `at_ns`."""
    cdef bint is_next = part.at_ns + period_ns == at_ns
    part.before = part.n if is_next else 0
    part.before_sent = part.sent if is_next else 0
    part.told_before = part.told + part.n if is_next else 0
    part.n = 0
    part.sent = 0
    part.told = 0
    part.heard = 0
    part.at_ns = at_ns
    part.period_ns = period_ns
    part.asks = asks


cdef uint64_t _likely_untold(const limit_part_t *part, const limit_cell_t *cell, limit_sharing_t *sharing, uint64_t now_ns,
                             uint32_t cost) noexcept nogil:
    """What the others have counted, and this gateway has not heard of."""
    cdef uint64_t own, others, likely, ratio, told
    if _is_young(part, sharing, now_ns):
        # They do what they did in the window before.
        own = <uint64_t>part.told + part.n
        others = cell.count - own if cell.count > own else 0
        likely = <uint64_t>part.spread * (own + cost) // LIMIT_SPREAD_ONE
        return likely - others if likely > others else 0
    # They have counted since, as this gateway has, and before that what they had not yet told.
    ratio = part.spread if part.recent >= BUSY and part.spread > part.recent else part.recent
    told = part.heard if now_ns < part.heard_ns + atomic_load_u64(&sharing.interval_ns) else 0
    return ratio * (part.n + told) // LIMIT_SPREAD_ONE


cdef uint64_t limit_share_reserve_locked(limit_shard_t *shard, limit_entry_t *entry, const limit_rule_t *rule, uint32_t i,
                                         uint64_t now_ns, uint32_t cost) noexcept nogil:
    cdef limit_share_t *share = _share(shard, entry)
    cdef limit_part_t *part = &share.parts[i]
    cdef limit_cell_t *cell = &entry.cells[i]
    cdef uint64_t untold, theirs
    if share.shape != rule.shape or part.at_ns != cell.at_ns or cell.count == 0:
        return 0
    untold = _likely_untold(part, cell, rule.sharing, now_ns, cost)
    if part.n == 0 or not atomic_load_u32(&rule.sharing.is_away):
        return untold
    theirs = <uint64_t>(atomic_load_u32(&rule.sharing.nodes) - 1) * (part.n + cost)     # their shares of what was left
    return theirs if theirs > untold else untold


cdef void limit_share_count_locked(limit_table_t *table, limit_shard_t *shard, limit_entry_t *entry, const limit_rule_t *rule,
                                   uint32_t cost) noexcept nogil:
    cdef limit_share_t *share = _share(shard, entry)
    cdef limit_part_t *part
    cdef bint has_news = False
    cdef uint32_t i
    if share.sharing != rule.sharing or share.shape != rule.shape:
        memset(share.parts, 0, sizeof(share.parts))
        share.shape = rule.shape
        share.sharing = rule.sharing
    for i in range(rule.n_windows):
        part = &share.parts[i]
        if part.at_ns != entry.cells[i].at_ns or part.period_ns != rule.windows[i].period_ns:
            _roll(part, entry.cells[i].at_ns, rule.windows[i].period_ns,
                  <uint8_t>(ASKS if rule.algorithm == LIMIT_SLIDING_WINDOW else 1))
        part.n += cost
        has_news |= part.sent == 0
    if has_news:                    # else whoever brings back what was sent lists it
        _list(table, shard, share)


# --- fetched

cdef inline bint _wants_total(const limit_part_t *part, limit_sharing_t *sharing, uint64_t now_ns) noexcept nogil:
    """It waits for what the others have to tell of a window that began: else it would not hear of them while it refuses."""
    return part.told and part.n == 0 and now_ns < part.at_ns + (YOUNG_INTERVALS + 1) * atomic_load_u64(&sharing.interval_ns)


cdef uint32_t _fetch_key(const limit_entry_t *entry, limit_share_t *share, uint64_t now_ns, limit_delta_t *deltas_out) noexcept nogil:
    cdef limit_part_t *part
    cdef uint32_t i, n = 0
    for i in range(<uint32_t>LIMIT_WINDOWS):
        part = &share.parts[i]
        if (part.n and not part.sent) or _wants_total(part, share.sharing, now_ns):
            part.sent = part.n
            deltas_out[n].at_ns = part.at_ns
            deltas_out[n].period_ns = part.period_ns
            deltas_out[n].n = part.n
            n += 1
        if part.before_sent or not (part.before or part.asks):
            continue
        part.before_sent = part.before
        if part.asks:
            part.asks -= 1
        deltas_out[n].at_ns = part.at_ns - part.period_ns
        deltas_out[n].period_ns = part.period_ns
        deltas_out[n].n = part.before
        n += 1
    for i in range(n):
        deltas_out[i].low = entry.key.low
        deltas_out[i].high = entry.key.high
    return n


cdef uint32_t limit_share_fetch(limit_table_t *table, limit_sharing_t *sharing, uint32_t *shard, uint64_t now_wall_ns,
                                limit_delta_t *deltas_out, uint32_t most) noexcept nogil:
    cdef limit_shard_t *here
    cdef limit_share_t *share
    cdef uint32_t n = 0
    while shard[0] <= table.shard_mask:
        here = &table.shards[shard[0]]
        while n + DELTAS_OF_KEY <= most:
            # A key at a time: reactors wait for no longer.
            spin_lock(&here.lock)
            if sharing.heads[shard[0]] == 0:
                limit_shard_unlock(here)
                break
            share = &here.shares[sharing.heads[shard[0]] - 1]
            sharing.heads[shard[0]] = share.next
            share.is_listed = False
            atomic_add_u32(&sharing.n_listed, <uint32_t>-1)
            if share.sharing != sharing:
                _list(table, here, share)       # its room has become another key's meanwhile
                limit_shard_unlock(here)
                continue
            n += _fetch_key(&here.entries[share - here.shares], share, now_wall_ns, &deltas_out[n])
            limit_shard_unlock(here)
        if n + DELTAS_OF_KEY > most:
            return n
        shard[0] += 1
    shard[0] = LIMIT_SHARDS_MOST
    return n


# --- acknowledged

cdef limit_part_t *_find(limit_table_t *table, limit_shard_t *shard, const limit_delta_t *delta, limit_share_t **share_out,
                         limit_cell_t **cell_out) noexcept nogil:
    """The part that the delta is of, or of the window after it. NULL: its key is gone, or is another's again."""
    cdef limit_key_t key
    cdef limit_entry_t *entry
    cdef limit_share_t *share
    cdef uint32_t i
    key.low = delta.low
    key.high = delta.high
    entry = limit_find_locked(table, shard, &key)
    if entry == NULL or shard.shares == NULL:
        return NULL
    share = _share(shard, entry)
    for i in range(<uint32_t>LIMIT_WINDOWS):
        if share.parts[i].period_ns == delta.period_ns and share.shape == entry.shape:
            share_out[0] = share
            cell_out[0] = &entry.cells[i]
            return &share.parts[i]
    return NULL


cdef void _settle(uint32_t *n, uint32_t *sent, uint32_t told) noexcept nogil:
    """Of `sent`, which were `told`: those are no longer ours. A key that went and came back has sent none."""
    if told and sent[0] == told:
        n[0] -= told
        sent[0] = 0


cdef inline uint32_t _sum(uint64_t total, uint32_t more) noexcept nogil:
    return <uint32_t>(total + more) if total + more < <uint32_t>-1 else <uint32_t>-1


cdef inline uint16_t _ratio(uint64_t others, uint64_t own, uint32_t nodes) noexcept nogil:
    cdef uint64_t most = <uint64_t>(nodes - 1) * LIMIT_SPREAD_ONE
    cdef uint64_t ratio = (others * LIMIT_SPREAD_ONE + own - 1) // own
    if most > <uint16_t>-1:
        most = <uint16_t>-1
    return <uint16_t>(ratio if ratio < most else most)


cdef void _learn_others(limit_part_t *part, uint64_t total, uint64_t total_before, uint32_t own, limit_sharing_t *sharing,
                        uint64_t now_ns) noexcept nogil:
    """How busy the others are with this key. `own`: of ours, what is in this total and not in the one before."""
    cdef uint32_t nodes = atomic_load_u32(&sharing.nodes)
    cdef uint64_t interval_ns = atomic_load_u64(&sharing.interval_ns)
    cdef uint64_t since_ns = part.heard_ns if part.heard_ns > part.at_ns else part.at_ns
    cdef uint64_t others = total - part.told if total > part.told else 0
    cdef uint16_t recent = 0
    if own and total > total_before + own:
        # As much as in one interval, if they were as busy all the time.
        recent = _ratio(total - total_before - own, own, nodes)
        if now_ns > since_ns + interval_ns:
            recent = <uint16_t>(<double>recent * <double>interval_ns / <double>(now_ns - since_ns))
    if own or total == total_before:    # else they go on, while this one only listens
        part.recent = recent if recent > part.recent // 2 else part.recent // <uint16_t>2
    part.heard_ns = now_ns
    if own:
        part.heard = own
    if part.told and not _is_young(part, sharing, now_ns):     # else what it was in the window before goes on
        part.spread = _ratio(others, part.told, nodes)


cdef void limit_share_learn(limit_table_t *table, const limit_delta_t *delta, uint64_t total, uint64_t now_wall_ns) noexcept nogil:
    cdef limit_key_t key
    cdef limit_shard_t *shard
    cdef limit_share_t *share = NULL
    cdef limit_cell_t *cell = NULL
    cdef limit_part_t *part
    cdef uint64_t before
    key.low = delta.low
    key.high = delta.high
    shard = limit_shard_lock(table, &key)
    part = _find(table, shard, delta, &share, &cell)
    if part != NULL and part.at_ns == delta.at_ns:
        before = cell.count - part.n if cell.at_ns == part.at_ns and cell.count > part.n else 0
        _settle(&part.n, &part.sent, delta.n)
        part.told += delta.n
        if total < part.told:       # Redis has lost its data: of ours we know
            total = part.told
        if cell.at_ns == part.at_ns:
            cell.count = _sum(total, part.n)
        elif cell.at_ns == part.at_ns + part.period_ns:
            cell.previous = _sum(total, part.n)
        _learn_others(part, total, before, delta.n, share.sharing, now_wall_ns)
    elif part != NULL and part.at_ns == delta.at_ns + part.period_ns:
        _settle(&part.before, &part.before_sent, delta.n)
        if cell.at_ns == part.at_ns:
            cell.previous = _sum(total, part.before)
        if part.told_before:
            part.spread = _ratio(total - part.told_before if total > part.told_before else 0, part.told_before,
                                 atomic_load_u32(&share.sharing.nodes))
    if part != NULL and (part.n or part.before or part.asks or _is_young(part, share.sharing, now_wall_ns)):
        _list(table, shard, share)
    limit_shard_unlock(shard)


cdef void limit_share_drop(limit_table_t *table, const limit_delta_t *delta) noexcept nogil:
    cdef limit_key_t key
    cdef limit_shard_t *shard
    cdef limit_share_t *share = NULL
    cdef limit_cell_t *cell = NULL
    cdef limit_part_t *part
    key.low = delta.low
    key.high = delta.high
    shard = limit_shard_lock(table, &key)
    part = _find(table, shard, delta, &share, &cell)
    if part != NULL and part.at_ns == delta.at_ns:
        _settle(&part.n, &part.sent, delta.n)
    elif part != NULL and part.at_ns == delta.at_ns + part.period_ns:
        _settle(&part.before, &part.before_sent, delta.n)
    if part != NULL:
        atomic_add_u64(&share.sharing.lost, delta.n)
    limit_shard_unlock(shard)

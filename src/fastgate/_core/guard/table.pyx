"""The table of visitors and bans: one block of memory, buckets under locks."""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, memset

from fastgate._core.base.atomics cimport atomic_load_u32, own_add_u32
from fastgate._core.base.siphash cimport siphash
from fastgate._core.base.spinlock cimport spin_lock, spin_unlock
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.guard.score cimport score_miss, score_visit


cdef enum:
    LOCKS_MOST = 64                 # many more than reactors, so that two rarely meet
    LINE = 64
    BAN = 0                         # the owner of bans


cdef status_t guard_open(guard_table_t *table, uint32_t capacity, uint64_t seed_0, uint64_t seed_1) noexcept nogil:
    cdef uintptr_t at
    memset(table, 0, sizeof(guard_table_t))
    table.n_buckets = 1
    while table.n_buckets * GUARD_WAYS < capacity:
        table.n_buckets *= 2
    table.n_locks = min(table.n_buckets, <uint32_t>LOCKS_MOST)
    table.bytes = LINE + <uint64_t>table.n_locks * sizeof(guard_lock_t) + <uint64_t>table.n_buckets * GUARD_WAYS * sizeof(visitor_t)
    if table.bytes > <size_t>-1 // 2:
        return NO_MEMORY
    # calloc, not malloc: large blocks come as zero pages that cost nothing until touched.
    table.block = calloc(1, <size_t>table.bytes)
    if table.block == NULL:
        return NO_MEMORY
    at = (<uintptr_t>table.block + LINE - 1) // LINE * LINE
    table.locks = <guard_lock_t *>at
    table.visitors = <visitor_t *>(at + table.n_locks * sizeof(guard_lock_t))
    table.seed[0] = seed_0
    table.seed[1] = seed_1
    return OK


cdef void guard_close(guard_table_t *table) noexcept nogil:
    free(table.block)
    memset(table, 0, sizeof(guard_table_t))


cdef void guard_network(const uint8_t *address, uint8_t *network_out) noexcept nogil:
    cdef unsigned i
    memcpy(network_out, address, 16)
    for i in range(10):
        if address[i] != 0:
            break
    else:
        if address[10] == 0xFF and address[11] == 0xFF:
            return                          # ::ffff:a.b.c.d
    memset(network_out + 8, 0, 8)


# --- places; under the lock

cdef inline uint32_t _bucket(guard_table_t *table, const uint8_t *network) noexcept nogil:
    return <uint32_t>siphash(network, 16, table.seed[0], table.seed[1]) & (table.n_buckets - 1)


cdef inline guard_lock_t *_lock(guard_table_t *table, uint32_t bucket) noexcept nogil:
    cdef guard_lock_t *lock = &table.locks[bucket & (table.n_locks - 1)]
    spin_lock(&lock.lock)
    return lock


cdef inline bint _is_ban(const visitor_t *place, uint64_t now_ns) noexcept nogil:
    return place.seen_ns != 0 and place.owner == BAN and place.until_ns > now_ns


cdef visitor_t *_find(visitor_t *ways, const uint8_t *network, uint64_t owner) noexcept nogil:
    cdef unsigned i
    for i in range(<unsigned>GUARD_WAYS):
        if ways[i].seen_ns and ways[i].owner == owner and memcmp(ways[i].address, network, 16) == 0:
            return &ways[i]
    return NULL


cdef bint _goes_before(const visitor_t *a, const visitor_t *b, uint64_t now_ns) noexcept nogil:
    """Whether the place of `a` is the better one to take."""
    if _is_ban(a, now_ns) != _is_ban(b, now_ns):
        return _is_ban(b, now_ns)
    return a.until_ns < b.until_ns if _is_ban(a, now_ns) else a.seen_ns < b.seen_ns


cdef visitor_t *_take(guard_lock_t *lock, visitor_t *ways, const uint8_t *network, uint64_t owner, uint64_t now_ns) noexcept nogil:
    """Found, or made of the place that is the least loss: its seen_ns is 0 then."""
    cdef visitor_t *place = _find(ways, network, owner)
    cdef unsigned i
    if place != NULL:
        return place
    place = ways
    for i in range(1, <unsigned>GUARD_WAYS):
        if _goes_before(&ways[i], place, now_ns):
            place = &ways[i]
    if _is_ban(place, now_ns):
        own_add_u32(&lock.changes, 1)
    memset(place, 0, sizeof(visitor_t))
    memcpy(place.address, network, 16)
    place.owner = owner
    return place


cdef void _set_ban(guard_lock_t *lock, visitor_t *ways, const uint8_t *network, uint64_t until_ns, uint32_t score,
                   bint is_shared, uint64_t now_ns) noexcept nogil:
    cdef visitor_t *ban = _take(lock, ways, network, BAN, now_ns)
    own_add_u32(&lock.changes, 1)
    ban.seen_ns = now_ns
    ban.until_ns = until_ns
    ban.score = score
    ban.is_shared = is_shared
    ban.is_new = not is_shared


# --- deciding

cdef guard_verdict_t guard_judge(guard_table_t *table, const guard_rules_t *rules, const visit_t *visit,
                                 const uint8_t *network, uint64_t now_ns) noexcept nogil:
    cdef uint32_t bucket = _bucket(table, network), score
    cdef visitor_t *ways = &table.visitors[<size_t>bucket * GUARD_WAYS]
    cdef guard_lock_t *lock = _lock(table, bucket)
    cdef visitor_t *ban = _find(ways, network, BAN)
    cdef guard_verdict_t verdict = GUARD_PASS
    if ban != NULL and _is_ban(ban, now_ns):
        verdict = GUARD_BANNED
    else:
        score = score_visit(_take(lock, ways, network, rules.owner, now_ns), rules, visit, now_ns)
        if score >= rules.threshold and rules.is_dry:
            verdict = GUARD_SUSPECT
        elif score >= rules.threshold:
            _set_ban(lock, ways, network, now_ns + rules.ban_ns, score, False, now_ns)
            own_add_u32(&lock.bans_made, 1)
            verdict = GUARD_NEW_BAN
    spin_unlock(&lock.lock)
    return verdict


cdef void guard_miss(guard_table_t *table, const guard_rules_t *rules, const uint8_t *network, uint64_t now_ns) noexcept nogil:
    cdef uint32_t bucket = _bucket(table, network)
    cdef guard_lock_t *lock = _lock(table, bucket)
    cdef visitor_t *visitor = _find(&table.visitors[<size_t>bucket * GUARD_WAYS], network, rules.owner)
    if visitor != NULL:
        score_miss(visitor, rules, now_ns)
    spin_unlock(&lock.lock)


# --- the control thread's

cdef void guard_ban(guard_table_t *table, const uint8_t *network, uint64_t until_ns, bint is_shared, uint64_t now_ns) noexcept nogil:
    cdef uint32_t bucket = _bucket(table, network)
    cdef guard_lock_t *lock = _lock(table, bucket)
    _set_ban(lock, &table.visitors[<size_t>bucket * GUARD_WAYS], network, until_ns, 0, is_shared, now_ns)
    spin_unlock(&lock.lock)


cdef bint guard_lift(guard_table_t *table, const uint8_t *network, uint64_t now_ns) noexcept nogil:
    cdef uint32_t bucket = _bucket(table, network)
    cdef visitor_t *ways = &table.visitors[<size_t>bucket * GUARD_WAYS]
    cdef guard_lock_t *lock = _lock(table, bucket)
    cdef bint was_banned = False
    cdef unsigned i
    for i in range(<unsigned>GUARD_WAYS):
        if ways[i].seen_ns and memcmp(ways[i].address, network, 16) == 0:
            was_banned |= _is_ban(&ways[i], now_ns)
            memset(&ways[i], 0, sizeof(visitor_t))
    if was_banned:
        own_add_u32(&lock.changes, 1)
    spin_unlock(&lock.lock)
    return was_banned


cdef uint32_t guard_bans(guard_table_t *table, uint32_t bucket, uint64_t now_ns, visitor_t *bans_out) noexcept nogil:
    cdef visitor_t *ways = &table.visitors[<size_t>bucket * GUARD_WAYS]
    cdef guard_lock_t *lock = _lock(table, bucket)
    cdef uint32_t n = 0
    cdef unsigned i
    for i in range(<unsigned>GUARD_WAYS):
        if _is_ban(&ways[i], now_ns):
            bans_out[n] = ways[i]
            n += 1
    spin_unlock(&lock.lock)
    return n


cdef void guard_told(guard_table_t *table, const uint8_t *network, uint64_t until_ns) noexcept nogil:
    cdef uint32_t bucket = _bucket(table, network)
    cdef guard_lock_t *lock = _lock(table, bucket)
    cdef visitor_t *ban = _find(&table.visitors[<size_t>bucket * GUARD_WAYS], network, BAN)
    if ban != NULL and ban.until_ns == until_ns:    # not one made since
        ban.is_new = False
        ban.is_shared = True
        own_add_u32(&lock.changes, 1)
    spin_unlock(&lock.lock)


cdef uint32_t guard_bans_made(guard_table_t *table) noexcept nogil:
    cdef uint32_t total = 0, i
    for i in range(table.n_locks):
        total += atomic_load_u32(&table.locks[i].bans_made)
    return total


cdef uint32_t guard_changes(guard_table_t *table) noexcept nogil:
    cdef uint32_t total = 0, i
    for i in range(table.n_locks):
        total += atomic_load_u32(&table.locks[i].changes)
    return total

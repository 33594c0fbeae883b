"""The table of limiter states: one block of memory, found by hash, emptied by the clock's hand."""

from libc.stdint cimport uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastgate._core.base.atomics cimport atomic_add_u64, atomic_load_u32, atomic_load_u64, own_add_u32, own_add_u64
from fastgate._core.base.spinlock cimport spin_lock, spin_unlock
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK, status_t
from fastgate._core.limit.sharing cimport limit_share_t


cdef enum:
    SHARDS = 64                     # LIMIT_SHARDS_MOST; many more than reactors, so that two rarely meet
    SHARD_LEAST = 64                # entries; a small table has fewer shards instead
    CAPACITY_MOST = 1 << 26
    LINE = 64


cdef status_t limit_table_open(limit_table_t *table, uint32_t capacity) noexcept nogil:
    cdef uint32_t shards = SHARDS
    cdef uint32_t heads = 1
    cdef uint32_t i
    cdef uint64_t size
    cdef uintptr_t at
    memset(table, 0, sizeof(limit_table_t))
    if capacity == 0 or capacity > CAPACITY_MOST:
        return MALFORMED
    while shards > 1 and capacity // shards < SHARD_LEAST:
        shards //= 2
    table.shard_capacity = capacity // shards
    while heads < table.shard_capacity:
        heads *= 2
    if heads < LINE // sizeof(uint32_t):
        heads = LINE // sizeof(uint32_t)            # whole lines, so that what follows stays aligned
    table.shard_mask = shards - 1
    table.head_mask = heads - 1
    size = sizeof(limit_shard_t) + <uint64_t>table.shard_capacity * sizeof(limit_entry_t) + <uint64_t>heads * sizeof(uint32_t)
    table.bytes = size * shards + 2 * LINE
    if table.bytes > <size_t>-1 // 2:
        return NO_MEMORY
    # calloc, not malloc: large blocks come as zero pages that cost nothing until touched.
    table.block = calloc(1, <size_t>table.bytes)
    if table.block == NULL:
        return NO_MEMORY
    at = (<uintptr_t>table.block + LINE - 1) // LINE * LINE
    table.shards = <limit_shard_t *>at
    at = (at + shards * sizeof(limit_shard_t) + LINE - 1) // LINE * LINE
    for i in range(shards):
        table.shards[i].entries = <limit_entry_t *>at
        at += table.shard_capacity * sizeof(limit_entry_t)
    for i in range(shards):
        table.shards[i].heads = <uint32_t *>at
        at += heads * sizeof(uint32_t)
    return OK


cdef status_t limit_table_share(limit_table_t *table) noexcept nogil:
    cdef uint32_t i
    if table.share_block != NULL:
        return OK
    if (<uint64_t>table.shard_mask + 1) * table.shard_capacity > (<size_t>-1 // 2) // sizeof(limit_share_t):
        return NO_MEMORY
    table.share_block = calloc((<size_t>table.shard_mask + 1) * table.shard_capacity, sizeof(limit_share_t))
    if table.share_block == NULL:
        return NO_MEMORY
    for i in range(<uint32_t>(table.shard_mask + 1)):
        spin_lock(&table.shards[i].lock)
        table.shards[i].shares = <limit_share_t *>table.share_block + <size_t>i * table.shard_capacity
        spin_unlock(&table.shards[i].lock)
    return OK


cdef void limit_table_close(limit_table_t *table) noexcept nogil:
    free(table.block)
    free(table.share_block)
    memset(table, 0, sizeof(limit_table_t))


cdef uint64_t limit_table_keys(limit_table_t *table) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t i
    for i in range(<uint32_t>(table.shard_mask + 1)):
        total += atomic_load_u32(&table.shards[i].n)
    return total


cdef uint64_t limit_table_evictions(limit_table_t *table) noexcept nogil:
    cdef uint64_t total = 0
    cdef uint32_t i
    for i in range(<uint32_t>(table.shard_mask + 1)):
        total += atomic_load_u64(&table.shards[i].evictions)
    return total


cdef limit_entry_t *limit_find_locked(limit_table_t *table, limit_shard_t *shard, const limit_key_t *key) noexcept nogil:
    cdef uint32_t link = shard.heads[key.low & table.head_mask]
    cdef limit_entry_t *entry
    while link:
        entry = &shard.entries[link - 1]
        if entry.key.low == key.low and entry.key.high == key.high:
            return entry
        link = entry.link
    return NULL


cdef void _unlink_locked(limit_table_t *table, limit_shard_t *shard, limit_entry_t *entry) noexcept nogil:
    cdef uint32_t *link = &shard.heads[entry.key.low & table.head_mask]
    while &shard.entries[link[0] - 1] != entry:
        link = &shard.entries[link[0] - 1].link
    link[0] = entry.link


cdef void _forget_share(limit_share_t *share) noexcept nogil:
    """It stays in the list it is in: who fetches finds nothing, or its next key's."""
    if share.shape == 0:
        return
    if share.parts[0].n:
        atomic_add_u64(&share.sharing.lost, share.parts[0].n)
    share.shape = 0
    memset(share.parts, 0, sizeof(share.parts))


cdef limit_entry_t *_evict_locked(limit_table_t *table, limit_shard_t *shard) noexcept nogil:
    """Two rounds at most: the first takes away what spared the entries from the second."""
    cdef limit_entry_t *entry
    if shard.n_held == table.shard_capacity:
        return NULL
    while True:
        entry = &shard.entries[shard.hand]
        shard.hand += 1
        if shard.hand == table.shard_capacity:
            shard.hand = 0
        if entry.is_held:
            continue
        if not entry.is_used:
            break
        entry.is_used = False
    _unlink_locked(table, shard, entry)
    own_add_u64(&shard.evictions, 1)
    memset(entry, 0, sizeof(limit_entry_t))
    if shard.shares != NULL:
        _forget_share(&shard.shares[entry - shard.entries])
    return entry


cdef limit_entry_t *limit_take_locked(limit_table_t *table, limit_shard_t *shard, const limit_key_t *key) noexcept nogil:
    cdef limit_entry_t *entry = limit_find_locked(table, shard, key)
    cdef uint32_t *head
    if entry != NULL:
        entry.is_used = True
        return entry
    if shard.n < table.shard_capacity:
        entry = &shard.entries[shard.n]
        own_add_u32(&shard.n, 1)
    else:
        entry = _evict_locked(table, shard)
        if entry == NULL:
            return NULL
    entry.key = key[0]
    head = &shard.heads[key.low & table.head_mask]
    entry.link = head[0]
    head[0] = <uint32_t>(entry - shard.entries) + 1
    return entry

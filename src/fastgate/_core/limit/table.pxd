"""A bounded table of limiter states, shared by all reactors.

Sharded by key; each shard has a spin lock, a slab and a chained hash table. All memory is asked
for once, in limit_table_open, and zero; the system backs it page by page as keys come. 132 to
140 bytes a key: the entry, and its part of the chains' heads. Where counts are shared with other
gateways, 408 more for a key that is.

When a shard is full the clock algorithm (second chance) picks who goes: a hand walks round the
slab, spares once whoever was asked for since it last came by, and takes the next. A new key
starts unspared, so a flood of keys seen once displaces itself before it displaces keys in use.
Keys spread over shards by chance, so a shard is full a little before the table is.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.spinlock cimport spin_lock, spin_unlock
from fastgate._core.base.status cimport status_t
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS, limit_share_t


cdef struct limit_key_t:
    # A value: two hashes of what is limited, under two random seeds. At 128 bits nobody meets a collision.
    uint64_t low
    uint64_t high


cdef struct limit_cell_t:
    # Part of an entry; touched under its shard's lock only. What the fields mean is the algorithm's.
    uint64_t at_ns                  # start of the window, or theoretical arrival time
    uint32_t count                  # in this window, or holders
    uint32_t previous               # in the window before


cdef struct limit_entry_t:
    # Part of its shard's slab; any reactor, under the shard's lock. Lives from a key's first
    # decision until the hand takes it for another key. Two cache lines; one window needs the first only.
    limit_key_t key
    uint64_t shape                  # limit_rule_t.shape of the rule that wrote the cells
    uint32_t link                   # next in the chain, plus one; 0: last
    uint8_t is_used                 # since the hand came by
    uint8_t is_held                 # has holders: stays
    limit_cell_t cells[LIMIT_WINDOWS]


cdef struct limit_shard_t:
    # Part of its table, on a cache line of its own (64-bit CPUs).
    # read-only after build
    limit_entry_t *entries
    uint32_t *heads                 # of the chains: entry plus one; 0: empty
    # under lock
    uint32_t lock
    uint32_t hand
    uint32_t n_held
    # under lock, and read by others: atomic
    uint32_t n
    uint64_t evictions
    # under lock
    limit_share_t *shares           # one beside each entry; NULL: nothing is shared with other gateways
    uint64_t padding[2]

cdef struct limit_table_t:
    # Owner: whoever opened it, before any reactor runs; closed when none does any more.
    # read-only after build
    limit_shard_t *shards
    void *block
    void *share_block               # control thread; NULL: none yet
    uint32_t shard_mask
    uint32_t head_mask
    uint32_t shard_capacity
    uint64_t bytes


cdef status_t limit_table_open(limit_table_t *table, uint32_t capacity) noexcept nogil  # MALFORMED: capacity 0 or too large; NO_MEMORY
cdef status_t limit_table_share(limit_table_t *table) noexcept nogil     # control thread, any time: room for shares; NO_MEMORY
cdef void limit_table_close(limit_table_t *table) noexcept nogil
cdef uint64_t limit_table_keys(limit_table_t *table) noexcept nogil         # never above capacity
cdef uint64_t limit_table_evictions(limit_table_t *table) noexcept nogil

cdef limit_entry_t *limit_find_locked(limit_table_t *table, limit_shard_t *shard, const limit_key_t *key) noexcept nogil    # NULL: none
cdef limit_entry_t *limit_take_locked(limit_table_t *table, limit_shard_t *shard, const limit_key_t *key) noexcept nogil    # found or made; NULL: all are held


cdef inline limit_shard_t *limit_shard_lock(limit_table_t *table, const limit_key_t *key) noexcept nogil:
    cdef limit_shard_t *shard = &table.shards[key.high & table.shard_mask]
    spin_lock(&shard.lock)
    return shard


cdef inline void limit_shard_unlock(limit_shard_t *shard) noexcept nogil:
    spin_unlock(&shard.lock)


cdef inline void limit_hold_locked(limit_shard_t *shard, limit_entry_t *entry, bint is_held) noexcept nogil:
    """Keep the entry from the hand, or no longer."""
    shard.n_held += <uint32_t>is_held - entry.is_held
    entry.is_held = is_held

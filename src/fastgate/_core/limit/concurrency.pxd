"""Concurrency: at most `limit` holders at a time; each gives back what it took.

An entry with holders is never evicted. It becomes an ordinary one when the last has gone.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.limit.level cimport level_t
from fastgate._core.limit.rule cimport limit_window_t
from fastgate._core.limit.table cimport limit_cell_t, limit_entry_t, limit_hold_locked, limit_shard_t


cdef enum:
    # Nobody knows when a holder leaves: a second is the least that Retry-After can say.
    CONCURRENCY_WAIT_NS = 1000000000


cdef inline level_t concurrency_level(const limit_cell_t *cell) noexcept nogil:
    cdef level_t level
    level.used = cell.count
    level.left_ns = 0
    return level


cdef inline uint64_t concurrency_wait_ns(level_t level, const limit_window_t *window, uint64_t cost) noexcept nogil:
    return 0 if level.used + cost <= window.limit else CONCURRENCY_WAIT_NS


cdef inline void concurrency_give_locked(limit_shard_t *shard, limit_entry_t *entry, uint64_t cost) noexcept nogil:
    cdef limit_cell_t *cell = &entry.cells[0]
    cell.count = cell.count - <uint32_t>cost if cell.count > cost else 0
    limit_hold_locked(shard, entry, cell.count != 0)

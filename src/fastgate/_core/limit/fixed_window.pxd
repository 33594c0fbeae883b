"""Fixed window: at most `limit` in each window; windows start at multiples of the period since 1970.

Second, minute, hour and day are UTC's own; a month is 30 days and a year 365. A client that times
it well gets `limit` at the end of a window and `limit` at the start of the next.

A clock set back by more than LIMIT_SKEW_NS: what was counted counts in the window of the new time.
"""

from libc.stdint cimport uint64_t

from fastgate._core.limit.level cimport level_t
from fastgate._core.limit.rule cimport LIMIT_SKEW_NS, limit_window_t
from fastgate._core.limit.table cimport limit_cell_t


cdef inline void window_roll(limit_cell_t *cell, const limit_window_t *window, uint64_t now_ns) noexcept nogil:
    """Makes the cell that of the window `now_ns` is in; also sliding_window's."""
    cdef uint64_t start_ns
    if now_ns - cell.at_ns < window.period_ns:                          # wraps far up when now is before
        return
    if now_ns < cell.at_ns and cell.at_ns - now_ns <= LIMIT_SKEW_NS:    # another reactor is in the next window already
        return
    start_ns = now_ns - now_ns % window.period_ns
    if now_ns > cell.at_ns:
        # Also after a change to a period of the same mark, when the old start is no multiple of the new.
        cell.previous = cell.count if start_ns - cell.at_ns <= window.period_ns else 0
        cell.count = 0
    cell.at_ns = start_ns


cdef inline uint64_t window_left_ns(const limit_cell_t *cell, const limit_window_t *window, uint64_t now_ns) noexcept nogil:
    """Until the window ends; all of it when now is a skew before its start."""
    return cell.at_ns + window.period_ns - now_ns if now_ns > cell.at_ns else window.period_ns


cdef inline level_t fixed_window_level(limit_cell_t *cell, const limit_window_t *window, uint64_t now_ns) noexcept nogil:
    cdef level_t level
    window_roll(cell, window, now_ns)
    level.used = cell.count
    level.left_ns = window_left_ns(cell, window, now_ns)
    return level


cdef inline uint64_t fixed_window_wait_ns(level_t level, const limit_window_t *window, uint64_t cost) noexcept nogil:
    """0: it fits. A cost above the limit never does; a period, for want of a better answer."""
    if level.used + cost <= window.limit:
        return 0
    return window.period_ns if cost > window.limit else level.left_ns

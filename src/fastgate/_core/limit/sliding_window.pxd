"""Sliding window: this fixed window's count, and the last one's weighed by how much of it is still in reach.

    used = count + floor(previous x left / period);  used + cost <= limit

The weight is rounded down, so that who keeps to the limit is never refused: rounded up, a limit of one in
a period would admit one in two. What this keeps: never more than `limit` in an aligned window; never more than
limit + 1 in any span of one period if the last window's requests came evenly. If they all came at its very end,
one goes through at once, and others no faster than limit / period until that window is out of reach: at most
limit + limit x d / period + 1 in a span of d. A fixed window allows twice the limit at once.
"""

from libc.stdint cimport uint64_t

from fastgate._core.limit.fixed_window cimport window_left_ns, window_roll
from fastgate._core.limit.level cimport level_t
from fastgate._core.limit.rule cimport limit_window_t
from fastgate._core.limit.table cimport limit_cell_t


cdef inline level_t sliding_window_level(limit_cell_t *cell, const limit_window_t *window, uint64_t now_ns) noexcept nogil:
    cdef level_t level
    cdef uint64_t part, whole, weighed
    window_roll(cell, window, now_ns)
    level.used = cell.count
    level.left_ns = window_left_ns(cell, window, now_ns)
    if cell.previous:
        part = (level.left_ns - 1) >> window.shift
        whole = window.period_ns >> window.shift
        weighed = cell.previous * part // whole             # 32 + 31 bits
        level.used += weighed if weighed < cell.previous else cell.previous
    return level


cdef inline uint64_t sliding_window_wait_ns(level_t level, const limit_cell_t *cell, const limit_window_t *window,
                                            uint64_t cost) noexcept nogil:
    """0: it fits. Otherwise until it does, if nothing else is admitted; in floating point, on the late side."""
    cdef uint64_t slack_ns = (<uint64_t>2 << window.shift) + 1
    cdef uint64_t room, needed_ns
    if level.used + cost <= window.limit:
        return 0
    if cost > window.limit:
        return window.period_ns
    room = window.limit - cost
    if cell.count <= room:          # enough once the last window weighs less than one more
        needed_ns = <uint64_t>(<double>window.period_ns * <double>(room - cell.count + 1) / cell.previous)
        return level.left_ns - needed_ns + slack_ns if level.left_ns > needed_ns else slack_ns
    needed_ns = <uint64_t>(<double>window.period_ns * <double>(room + 1) / cell.count)      # when this is the last one
    return level.left_ns + window.period_ns - needed_ns + slack_ns

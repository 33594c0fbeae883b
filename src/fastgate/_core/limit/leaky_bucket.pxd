"""Leaky bucket: requests leave one interval apart; who comes early waits, up to `max_delay_ns`.

The cell's arrival time (gcra.pxd) is when the next may leave. With several windows a request leaves
when all let it, and holds its place in each from then. Never more than one per interval leaves.
"""

from libc.stdint cimport uint64_t

from fastgate._core.limit.level cimport level_t
from fastgate._core.limit.rule cimport limit_window_t


cdef inline uint64_t leaky_bucket_wait_ns(level_t level, const limit_window_t *window, uint64_t max_delay_ns,
                                          uint64_t cost) noexcept nogil:
    """0: its turn comes in time. Otherwise until it would."""
    if cost > window.limit:
        return window.period_ns
    return level.used - max_delay_ns if level.used > max_delay_ns else 0


cdef inline uint64_t leaky_bucket_remaining(level_t level, const limit_window_t *window, uint64_t max_delay_ns) noexcept nogil:
    """How many more would be let wait now."""
    return (max_delay_ns - level.used) // window.interval_ns + 1 if level.used <= max_delay_ns else 0

"""Token bucket as GCRA (ITU-T I.371): one number, the theoretical arrival time.

A request of cost c moves it c intervals ahead of the later of itself and now; it may lie `burst`
intervals ahead. So never more than burst + span / interval in any span, and with burst = limit all
tokens of an idle key at once. The interval is a whole number of ns, rounded up.

A time further ahead than burst allows comes of a clock set back, or of a burst made smaller: it
counts as an empty bucket.
"""

from libc.stdint cimport uint64_t

from fastgate._core.limit.level cimport level_t
from fastgate._core.limit.rule cimport LIMIT_SKEW_NS, limit_window_t
from fastgate._core.limit.table cimport limit_cell_t


cdef inline level_t arrival_level(limit_cell_t *cell, const limit_window_t *window, uint64_t now_ns) noexcept nogil:
    """How far ahead of now the arrival time is; also leaky_bucket's."""
    cdef level_t level
    if cell.at_ns > now_ns + window.ceiling_ns + LIMIT_SKEW_NS:
        cell.at_ns = now_ns + window.ceiling_ns
    level.used = cell.at_ns - now_ns if cell.at_ns > now_ns else 0
    level.left_ns = level.used
    return level


cdef inline uint64_t gcra_wait_ns(level_t level, const limit_window_t *window, uint64_t cost) noexcept nogil:
    """0: it fits."""
    cdef uint64_t burst = window.burst if window.burst else window.limit
    cdef uint64_t wanted_ns
    if cost > burst:
        return window.period_ns
    wanted_ns = level.used + cost * window.interval_ns
    return wanted_ns - window.ceiling_ns if wanted_ns > window.ceiling_ns else 0


cdef inline uint64_t gcra_remaining(level_t level, const limit_window_t *window) noexcept nogil:
    return (window.ceiling_ns - level.used) // window.interval_ns if level.used < window.ceiling_ns else 0

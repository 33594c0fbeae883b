"""A client's pace: a grace, then a minimum rate, judged over the whole and only while we wait for it."""

from libc.stdint cimport uint64_t


cdef enum:
    PACE_NS_PER_SECOND = 1000000000


cdef struct pace_t:
    # How fast a client moves bytes one way. A field of its downstream; that reactor only.
    uint64_t since_ns           # when waiting began, moved on by pauses; 0: never waited
    uint64_t paused_ns          # when waiting stopped; 0: waiting
    uint64_t start_bytes        # the count when waiting began


cdef inline void pace_reset(pace_t *pace) noexcept nogil:
    pace.since_ns = 0
    pace.paused_ns = 0


cdef inline void pace_wait(pace_t *pace, uint64_t now_ns, uint64_t bytes) noexcept nogil:
    """We wait for the client (again). Time in which we did not is not held against it."""
    if pace.since_ns == 0:
        pace.since_ns = now_ns
        pace.start_bytes = bytes
    elif pace.paused_ns:
        pace.since_ns += now_ns - pace.paused_ns
    pace.paused_ns = 0


cdef inline void pace_pause(pace_t *pace, uint64_t now_ns) noexcept nogil:
    if pace.since_ns and pace.paused_ns == 0:
        pace.paused_ns = now_ns


cdef inline uint64_t pace_deadline_ns(const pace_t *pace, uint64_t grace_ns, uint64_t min_rate, uint64_t bytes) noexcept nogil:
    """When it will have been too slow: `bytes` is the count now, `min_rate` bytes per second (0: no minimum)."""
    cdef uint64_t moved = bytes - pace.start_bytes
    cdef uint64_t earned_ns = 0
    if min_rate == 0:
        return <uint64_t>-1
    earned_ns = moved // min_rate * PACE_NS_PER_SECOND + moved % min_rate * PACE_NS_PER_SECOND // min_rate
    return pace.since_ns + grace_ns + earned_ns

"""A client's pace: a minimum rate, judged over the whole after a grace, and no silence longer than the grace.

The rate alone would let who was fast stall for as long as that saved; the silence alone would let one
byte at a time hold a connection for ever. Both count only while we wait for the client.
"""

from libc.stdint cimport uint64_t


cdef enum:
    PACE_NS_PER_SECOND = 1000000000
    PACE_LONGEST_S = 1 << 30        # what can be earned: 34 years


cdef struct pace_t:
    # How fast a client moves bytes one way. A field of its downstream; that reactor only.
    uint64_t since_ns           # when waiting began, moved on by pauses; 0: never waited
    uint64_t paused_ns          # when waiting stopped; 0: waiting
    uint64_t start_bytes        # the count when waiting began
    uint64_t last_bytes         # the count when it last grew, or waiting went on,
    uint64_t last_ns            # and when that was


cdef inline void pace_reset(pace_t *pace) noexcept nogil:
    pace.since_ns = 0
    pace.paused_ns = 0


cdef inline void pace_wait(pace_t *pace, uint64_t now_ns, uint64_t bytes) noexcept nogil:
    """We wait for the client (again). Time in which we did not is not held against it."""
    if pace.since_ns == 0:
        pace.since_ns = now_ns
        pace.start_bytes = bytes
        pace.last_ns = now_ns
    elif pace.paused_ns:
        pace.since_ns += now_ns - pace.paused_ns
        pace.last_ns = now_ns
    elif bytes != pace.last_bytes:
        pace.last_ns = now_ns
    pace.last_bytes = bytes
    pace.paused_ns = 0


cdef inline void pace_pause(pace_t *pace, uint64_t now_ns) noexcept nogil:
    if pace.since_ns and pace.paused_ns == 0:
        pace.paused_ns = now_ns


cdef inline uint64_t pace_deadline_ns(const pace_t *pace, uint64_t grace_ns, uint64_t min_rate) noexcept nogil:
    """When it will have been too slow, by what pace_wait was told; `min_rate`: bytes per second, 0: any."""
    cdef uint64_t moved = pace.last_bytes - pace.start_bytes
    cdef uint64_t silent_ns = pace.last_ns + grace_ns
    cdef uint64_t slow_ns
    if min_rate == 0 or moved // min_rate > PACE_LONGEST_S:
        return silent_ns
    slow_ns = pace.since_ns + grace_ns + (
        moved // min_rate * PACE_NS_PER_SECOND + moved % min_rate * PACE_NS_PER_SECOND // min_rate
    )
    return slow_ns if slow_ns < silent_ns else silent_ns

"""Timers of one reactor: a hierarchical wheel (Varghese and Lauck 1987), 4 ms a tick.

Deadlines that move later, as a connection's do on every byte, cost one store: the
timer stays where it is queued and is queued again when its slot comes up.
"""

from libc.stdint cimport uint64_t


cdef enum:
    WHEEL_LEVELS = 4            # 64^4 ticks of 4.19 ms: 19.5 hours; later deadlines are queued again
    WHEEL_SLOTS = 64
    WHEEL_TICK_SHIFT = 22       # ns to ticks


ctypedef void (*on_timer_cb)(timer_t *timer) noexcept nogil


cdef struct timer_t:
    # Owner: the connection it is a field of. Its reactor only. timer_remove before it dies.
    timer_t *next
    timer_t **link              # what points here; NULL: not queued
    uint64_t deadline_ns        # TIMER_NEVER: fires nothing
    uint64_t queued_tick
    on_timer_cb on_timer


cdef struct wheel_t:
    # Owner: the reactor, which alone touches it.
    uint64_t now_tick
    uint64_t occupied[WHEEL_LEVELS]     # bit per slot; may be set for an empty one
    timer_t *slots[WHEEL_LEVELS][WHEEL_SLOTS]


cdef void wheel_open(wheel_t *wheel, uint64_t now_ns) noexcept nogil
cdef void wheel_run(wheel_t *wheel, uint64_t now_ns) noexcept nogil     # fires what is due
cdef uint64_t wheel_next_ns(const wheel_t *wheel) noexcept nogil        # when to run next; TIMER_NEVER: nothing queued
cdef void timer_queue(wheel_t *wheel, timer_t *timer) noexcept nogil
cdef void timer_remove(timer_t *timer) noexcept nogil


cdef extern from *:
    """
    #define FG_TIMER_NEVER UINT64_MAX
    """
    const uint64_t TIMER_NEVER "FG_TIMER_NEVER"


cdef inline void timer_init(timer_t *timer, on_timer_cb on_timer) noexcept nogil:
    timer.next = NULL
    timer.link = NULL
    timer.deadline_ns = TIMER_NEVER
    timer.queued_tick = 0
    timer.on_timer = on_timer


cdef inline void timer_arm(wheel_t *wheel, timer_t *timer, uint64_t deadline_ns) noexcept nogil:
    timer.deadline_ns = deadline_ns
    if timer.link == NULL or (deadline_ns >> WHEEL_TICK_SHIFT) + 1 < timer.queued_tick:
        timer_queue(wheel, timer)


cdef inline void timer_disarm(timer_t *timer) noexcept nogil:
    """Fires nothing until armed again. Stays queued: cheaper than taking it out."""
    timer.deadline_ns = TIMER_NEVER

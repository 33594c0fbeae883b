"""The timer wheel: four levels of 64 slots, a bitmap of occupied slots each."""

from libc.stdint cimport uint64_t
from libc.string cimport memset


cdef extern from *:
    int count_trailing_zeros "__builtin_ctzll"(unsigned long long x) nogil


cdef enum:
    LEVEL_SHIFT = 6
    SLOT_MASK = WHEEL_SLOTS - 1


cdef void wheel_open(wheel_t *wheel, uint64_t now_ns) noexcept nogil:
    memset(wheel, 0, sizeof(wheel_t))
    wheel.now_tick = now_ns >> WHEEL_TICK_SHIFT


cdef void timer_remove(timer_t *timer) noexcept nogil:
    timer.deadline_ns = TIMER_NEVER
    if timer.link == NULL:
        return
    timer.link[0] = timer.next
    if timer.next != NULL:
        timer.next.link = timer.link
    timer.link = NULL
    timer.next = NULL


cdef void _slot_push(timer_t **slot, timer_t *timer) noexcept nogil:
    timer.next = slot[0]
    timer.link = slot
    if slot[0] != NULL:
        slot[0].link = &timer.next
    slot[0] = timer


cdef void timer_queue(wheel_t *wheel, timer_t *timer) noexcept nogil:
    """Put it in the slot of its deadline, rounded up to a tick: never early."""
    cdef uint64_t deadline_ns = timer.deadline_ns
    cdef uint64_t tick = (deadline_ns >> WHEEL_TICK_SHIFT) + 1
    cdef uint64_t last = wheel.now_tick + (<uint64_t>1 << (LEVEL_SHIFT * WHEEL_LEVELS)) - 1
    cdef uint64_t ahead
    cdef unsigned level = 0
    cdef unsigned slot
    timer_remove(timer)
    timer.deadline_ns = deadline_ns
    if tick <= wheel.now_tick:
        tick = wheel.now_tick + 1
    if tick > last:
        tick = last
    ahead = tick - wheel.now_tick
    while ahead >> (LEVEL_SHIFT * (level + 1)):
        level += 1
    slot = <unsigned>((tick >> (LEVEL_SHIFT * level)) & SLOT_MASK)
    timer.queued_tick = tick
    _slot_push(&wheel.slots[level][slot], timer)
    wheel.occupied[level] |= <uint64_t>1 << slot


cdef uint64_t _next_tick(const wheel_t *wheel) noexcept nogil:
    """The first tick at which some slot comes up; 0: none."""
    cdef uint64_t best = 0
    cdef uint64_t here, bits, tick
    cdef unsigned level, turn
    for level in range(<unsigned>WHEEL_LEVELS):
        bits = wheel.occupied[level]
        if bits == 0:
            continue
        here = wheel.now_tick >> (LEVEL_SHIFT * level)
        turn = <unsigned>((here + 1) & SLOT_MASK)
        if turn:
            bits = (bits >> turn) | (bits << (WHEEL_SLOTS - turn))
        tick = (here + 1 + <uint64_t>count_trailing_zeros(bits)) << (LEVEL_SHIFT * level)
        if best == 0 or tick < best:
            best = tick
    return best


cdef uint64_t wheel_next_ns(const wheel_t *wheel) noexcept nogil:
    cdef uint64_t tick = _next_tick(wheel)
    return tick << WHEEL_TICK_SHIFT if tick else TIMER_NEVER


cdef void _slot_drain(wheel_t *wheel, unsigned level, unsigned slot) noexcept nogil:
    """Fire what is due in the slot, queue the rest where it belongs now."""
    cdef timer_t *first = wheel.slots[level][slot]
    cdef timer_t *timer
    wheel.slots[level][slot] = NULL
    wheel.occupied[level] &= ~(<uint64_t>1 << slot)
    if first != NULL:
        first.link = &first
    while first != NULL:
        timer = first
        first = timer.next
        if first != NULL:
            first.link = &first
        timer.next = NULL
        timer.link = NULL
        if timer.deadline_ns == TIMER_NEVER:
            continue
        if (timer.deadline_ns >> WHEEL_TICK_SHIFT) + 1 > wheel.now_tick:
            timer_queue(wheel, timer)
        else:
            timer.deadline_ns = TIMER_NEVER
            timer.on_timer(timer)


cdef void wheel_run(wheel_t *wheel, uint64_t now_ns) noexcept nogil:
    cdef uint64_t target = now_ns >> WHEEL_TICK_SHIFT
    cdef uint64_t tick
    cdef unsigned level
    while wheel.now_tick < target:
        tick = _next_tick(wheel)
        if tick == 0 or tick > target:
            wheel.now_tick = target
            return
        wheel.now_tick = tick
        for level in range(WHEEL_LEVELS - 1, 0, -1):
            if tick & ((<uint64_t>1 << (LEVEL_SHIFT * level)) - 1) == 0:
                _slot_drain(wheel, level, <unsigned>((tick >> (LEVEL_SHIFT * level)) & SLOT_MASK))
        _slot_drain(wheel, 0, <unsigned>(tick & SLOT_MASK))

"""A lock for sections of some nanoseconds, shared by reactors. Never held over a call that may wait."""

from libc.stdint cimport uint32_t

from fastgate._core.base.atomics cimport atomic_exchange_u32, atomic_load_u32, atomic_store_u32_release


cdef extern from "<sched.h>" nogil:
    int sched_yield()


cdef enum:
    SPIN_ROUNDS = 64        # looks at the lock before the processor is offered to its holder


cdef struct spinlock_t:
    # Field of what it guards. All zero: open.
    uint32_t is_held        # shared: atomic


cdef inline void spin_lock(spinlock_t *lock) noexcept nogil:
    cdef unsigned rounds = 0
    while atomic_exchange_u32(&lock.is_held, 1):
        while atomic_load_u32(&lock.is_held):
            rounds += 1
            if rounds == SPIN_ROUNDS:
                rounds = 0
                sched_yield()


cdef inline void spin_unlock(spinlock_t *lock) noexcept nogil:
    atomic_store_u32_release(&lock.is_held, 0)

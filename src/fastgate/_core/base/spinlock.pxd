"""A spin lock for sections of a few dozen instructions, which neither wait nor call the system.

It is a plain uint32_t, zero when free. Whoever waits reads until it looks free, so that the
line stays shared, and gives its core away after a while: the holder may have been taken off it.
"""

from libc.stdint cimport uint32_t


ctypedef uint32_t spinlock_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_SPINLOCK
    #define FASTGATE_SPINLOCK
    #include <sched.h>
    #include <stdint.h>
    #if defined(__x86_64__) || defined(__i386__)
    #define fg_cpu_relax()  __builtin_ia32_pause()
    #elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
    #define fg_cpu_relax()  __asm__ __volatile__("yield" ::: "memory")
    #else
    #define fg_cpu_relax()  __asm__ __volatile__("" ::: "memory")
    #endif
    #define FG_SPINS 100
    static inline void fg_spin_lock(uint32_t *lock)
    {
        while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE)) {
            int spins = 0;
            while (__atomic_load_n(lock, __ATOMIC_RELAXED)) {
                if (++spins < FG_SPINS) { fg_cpu_relax(); }
                else { spins = 0; sched_yield(); }
            }
        }
    }
    #define fg_spin_unlock(lock)    __atomic_store_n((lock), 0, __ATOMIC_RELEASE)
    #endif
    """
    void spin_lock "fg_spin_lock"(spinlock_t *lock)
    void spin_unlock "fg_spin_unlock"(spinlock_t *lock)

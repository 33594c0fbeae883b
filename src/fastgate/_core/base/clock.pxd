"""Monotonic time in nanoseconds. Wall time comes from Python: time_t may have 32 bits on armv7."""

from libc.stdint cimport uint64_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_CLOCK
    #define FASTGATE_CLOCK
    #include <stdint.h>
    #include <time.h>
    static inline uint64_t fg_clock_ns(void)
    {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
    }
    #endif
    """
    uint64_t clock_ns "fg_clock_ns"()


cdef enum:
    NS_PER_MS = 1000000

"""A latency histogram with one writer and fixed buckets.

Bucket k counts what lasted at most 62.5 µs · 2^k and longer than bucket k-1's bound:
62.5 µs, 125 µs … 1 ms, 2 ms … 65.536 s, and one more for what lasted longer. One
layout serves a gateway's own microseconds and an upstream's minute; a power of two
makes the bucket a count of leading zeros instead of a search.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport own_add_u64


cdef extern from * nogil:
    int leading_zeros "__builtin_clzll"(unsigned long long v)       # v > 0


cdef enum:
    HISTOGRAM_FIRST_NS = 62500      # the first bucket's bound
    HISTOGRAM_BOUNDS = 21           # bounded buckets: up to 62.5 µs · 2^20 = 65.536 s
    HISTOGRAM_BUCKETS = 22          # and the last, without a bound


cdef struct histogram_t:
    # Owner: the struct it lies in. One writer; readers load each field relaxed, so a
    # sum may be one observation ahead of the counts. Zeroed memory is an empty one.
    uint64_t sum_ns                 # wraps at 584 years of summed latency
    uint64_t counts[HISTOGRAM_BUCKETS]      # each on its own, not cumulative


cdef inline uint32_t histogram_bucket(uint64_t ns) noexcept nogil:
    """The index of the bucket a latency belongs to."""
    cdef uint64_t units
    cdef uint32_t bucket
    if ns <= HISTOGRAM_FIRST_NS:
        return 0
    if ns >> 32 == 0:               # nearly always; 64-bit division is a call on 32-bit ARM
        units = <uint32_t>(ns - 1) / <uint32_t>HISTOGRAM_FIRST_NS
    else:
        units = (ns - 1) / <uint64_t>HISTOGRAM_FIRST_NS
    bucket = 64 - <uint32_t>leading_zeros(units)
    return bucket if bucket < HISTOGRAM_BOUNDS else HISTOGRAM_BOUNDS


cdef inline void histogram_add(histogram_t *histogram, uint64_t ns) noexcept nogil:
    own_add_u64(&histogram.counts[histogram_bucket(ns)], 1)
    own_add_u64(&histogram.sum_ns, ns)

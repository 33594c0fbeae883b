"""The log ring's memory, and its reader's side."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fastgate._core.base.atomics cimport (
    atomic_load_u64, atomic_load_u64_acquire, atomic_store_u32_release,
)
from fastgate._core.base.span cimport span_of, span_t


cdef bint log_ring_open(log_ring_t *ring, uint32_t size) noexcept nogil:
    memset(ring, 0, sizeof(log_ring_t))
    ring.at = <char *>malloc(size)
    ring.size = size
    return ring.at != NULL


cdef void log_ring_close(log_ring_t *ring) noexcept nogil:
    free(ring.at)
    ring.at = NULL


cdef span_t log_ring_peek(log_ring_t *ring, uint32_t *records) noexcept nogil:
    cdef uint64_t end = atomic_load_u64_acquire(&ring.published)
    cdef uint64_t last
    cdef uint32_t read = ring.read
    if <uint32_t>end < read:
        last = atomic_load_u64(&ring.last)
        if read < <uint32_t>last:
            records[0] = <uint32_t>(last >> 32) - ring.records_read
            return span_of(ring.at + read, <uint32_t>last - read)
        # Up to the turn all is read. The reactor may use the rest of the room at once.
        read = 0
        atomic_store_u32_release(&ring.read, 0)
    records[0] = <uint32_t>(end >> 32) - ring.records_read
    return span_of(ring.at + read, <uint32_t>end - read)


cdef void log_ring_skip(log_ring_t *ring, uint32_t n, uint32_t records) noexcept nogil:
    ring.records_read += records
    atomic_store_u32_release(&ring.read, ring.read + n)

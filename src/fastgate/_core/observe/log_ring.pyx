"""The log ring's memory, and its reader's side."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fastgate._core.base.atomics cimport (
    atomic_load_u32, atomic_load_u32_ordered, atomic_store_u32_release,
)
from fastgate._core.base.span cimport span_none, span_of, span_t


cdef bint log_ring_open(log_ring_t *ring, uint32_t size) noexcept nogil:
    memset(ring, 0, sizeof(log_ring_t))
    ring.at = <char *>malloc(size)
    ring.size = size
    return ring.at != NULL


cdef void log_ring_close(log_ring_t *ring) noexcept nogil:
    free(ring.at)
    ring.at = NULL


cdef span_t log_ring_peek(log_ring_t *ring) noexcept nogil:
    cdef uint32_t write = atomic_load_u32_ordered(&ring.write)
    cdef uint32_t read = ring.read
    cdef uint32_t last
    if write < read:
        last = atomic_load_u32(&ring.last)
        if read < last:
            return span_of(ring.at + read, last - read)
        # Up to the turn all is read. The reactor may use the rest of the room at once.
        read = 0
        atomic_store_u32_release(&ring.read, 0)
    if read == write:
        return span_none()
    return span_of(ring.at + read, write - read)


cdef void log_ring_skip(log_ring_t *ring, uint32_t n) noexcept nogil:
    atomic_store_u32_release(&ring.read, ring.read + n)

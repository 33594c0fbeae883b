"""A byte ring from one reactor to the log writer, in which every record lies in one piece.

A record that does not fit before the end starts again at the beginning, and `last`
tells the reader where the bytes end before it does so too (a "bip buffer").
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport (
    atomic_load_u32_acquire, atomic_store_u64, atomic_store_u64_release,
)
from fastgate._core.base.span cimport span_t


cdef struct log_ring_t:
    # Owner: the access log, one per reactor; freed with it. One producer (the reactor),
    # one reader (the writer thread). Lies on a boundary of 64 bytes. A mark is a place in the
    # ring (low half) and how many records were published up to there, modulo 2^32 (high half).
    # read-only after open
    char *at
    uint32_t size
    # owner: the reactor
    uint32_t read_seen              # `read`, as last looked at
    uint32_t start                  # where the record being made begins
    uint32_t write                  # end of what is published
    uint32_t records                # published so far
    # shared: atomic, stored by the reactor
    uint64_t last                   # mark of the end before the turn; valid while `published` is before `read`
    uint64_t published              # mark of the end of what is readable
    uint32_t producer_line[4]       # the reader's fields are on another cache line
    # shared: atomic, stored by the writer thread
    uint32_t read
    # owner: the writer thread
    uint32_t records_read           # up to `read`
    uint32_t reader_line[14]


cdef bint log_ring_open(log_ring_t *ring, uint32_t size) noexcept nogil         # False: no memory
cdef void log_ring_close(log_ring_t *ring) noexcept nogil
# For the reader: what is readable in one piece, and how many records that is; empty: nothing.
# Then give back n bytes of it, in which so many records ended.
cdef span_t log_ring_peek(log_ring_t *ring, uint32_t *records) noexcept nogil
cdef void log_ring_skip(log_ring_t *ring, uint32_t n, uint32_t records) noexcept nogil


cdef inline char *log_ring_reserve(log_ring_t *ring, size_t n) noexcept nogil:
    """Room for n bytes in one piece, or NULL: the ring is full. The reactor's side."""
    cdef uint32_t attempt
    for attempt in range(2):
        if ring.write >= ring.read_seen:
            if ring.size - ring.write >= n:
                ring.start = ring.write
                return ring.at + ring.start
            if ring.read_seen > n:
                ring.start = 0
                return ring.at
        elif ring.read_seen - ring.write > n:
            ring.start = ring.write
            return ring.at + ring.start
        if attempt == 0:
            ring.read_seen = atomic_load_u32_acquire(&ring.read)
    return NULL


cdef inline uint64_t log_ring_mark(uint32_t at, uint32_t records) noexcept nogil:
    return <uint64_t>records << 32 | at


cdef inline void log_ring_publish(log_ring_t *ring, uint32_t n) noexcept nogil:
    """Makes the first n > 0 bytes of what was reserved readable: one record."""
    if ring.start != ring.write:        # the turn
        atomic_store_u64(&ring.last, log_ring_mark(ring.write, ring.records))
    ring.write = ring.start + n
    ring.records += 1
    atomic_store_u64_release(&ring.published, log_ring_mark(ring.write, ring.records))


cdef inline bint log_ring_is_half_full(log_ring_t *ring) noexcept nogil:
    """The reactor's view."""
    cdef uint32_t used = ring.write - ring.read_seen
    if ring.write < ring.read_seen:
        used += ring.size
    if used < ring.size // 2:
        return False
    ring.read_seen = atomic_load_u32_acquire(&ring.read)
    used = ring.write - ring.read_seen
    if ring.write < ring.read_seen:
        used += ring.size
    return used >= ring.size // 2

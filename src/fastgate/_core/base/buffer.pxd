"""Bytes waiting to leave: a growable queue of bytes, empty most of the time.

An empty buffer holds no memory, so that idle connections cost nothing.
"""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_of, span_t


cdef struct buffer_t:
    # Owner: the stream or exchange it is a field of; one thread. Dies in buffer_clear.
    char *data
    uint32_t start          # first byte not yet taken
    uint32_t end            # behind the last byte put
    uint32_t capacity


cdef bint buffer_put(buffer_t *buffer, const void *data, size_t len) noexcept nogil     # False: no memory, nothing put
cdef bint buffer_reserve(buffer_t *buffer, size_t len) noexcept nogil    # room for len more bytes at data + end
cdef void buffer_clear(buffer_t *buffer) noexcept nogil


cdef inline uint32_t buffer_len(const buffer_t *buffer) noexcept nogil:
    return buffer.end - buffer.start


cdef inline span_t buffer_span(const buffer_t *buffer) noexcept nogil:
    """Until something is put or taken."""
    return span_of(buffer.data + buffer.start, buffer_len(buffer)) if buffer_len(buffer) else span_of(NULL, 0)


cdef inline void buffer_take(buffer_t *buffer, uint32_t len) noexcept nogil:
    """Forget the first `len` bytes; gives the memory back when nothing is left."""
    buffer.start += len
    if buffer.start == buffer.end:
        buffer_clear(buffer)

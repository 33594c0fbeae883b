"""A growable queue of bytes: doubles up to its need, gives all back when empty."""

from libc.string cimport memcpy, memmove

from .memory cimport memory_give, memory_resize


cdef enum:
    SMALLEST = 1024
    LARGEST = 1 << 30


cdef bint buffer_reserve(buffer_t *buffer, size_t len) noexcept nogil:
    cdef size_t used = buffer.end - buffer.start
    cdef size_t room
    cdef char *data
    if len <= buffer.capacity - buffer.end:
        return True
    if len > LARGEST - used:
        return False
    if buffer.start:
        memmove(buffer.data, buffer.data + buffer.start, used)
        buffer.start = 0
        buffer.end = <uint32_t>used
    if used + len <= buffer.capacity:
        return True
    room = SMALLEST
    while room < used + len:
        room *= 2
    data = <char *>memory_resize(buffer.data, room)
    if data == NULL:
        return False
    buffer.data = data
    buffer.capacity = <uint32_t>room
    return True


cdef bint buffer_put(buffer_t *buffer, const void *data, size_t len) noexcept nogil:
    if len == 0:
        return True
    if not buffer_reserve(buffer, len):
        return False
    memcpy(buffer.data + buffer.end, data, len)
    buffer.end += <uint32_t>len
    return True


cdef void buffer_clear(buffer_t *buffer) noexcept nogil:
    if buffer.data == NULL:
        return
    memory_give(buffer.data)
    buffer.data = NULL
    buffer.start = 0
    buffer.end = 0
    buffer.capacity = 0

"""Bump allocation: chunks that double from 512 bytes to 16 KiB, freed all at once.

There may be one arena per service, so a small one has to stay small.
"""

from libc.string cimport memcpy

from .memory cimport memory_give, memory_take_unbounded, memory_take_zeroed
from .span cimport span_of, span_t


cdef enum:
    CHUNK_MIN_BYTES = 512 - 32      # with its header: half a KiB
    CHUNK_MAX_BYTES = 16384
    ALIGNMENT = 16
    HEADER_BYTES = (sizeof(arena_chunk_t) + ALIGNMENT - 1) & ~(ALIGNMENT - 1)


cdef void arena_open(arena_t *arena) noexcept nogil:
    arena.head = NULL
    arena.total = 0
    arena.is_unbounded = True


cdef arena_chunk_t *_chunk_add(arena_t *arena, size_t size) noexcept nogil:
    cdef size_t usual = arena.total
    cdef size_t room
    cdef arena_chunk_t *chunk
    if usual < CHUNK_MIN_BYTES:
        usual = CHUNK_MIN_BYTES
    elif usual > CHUNK_MAX_BYTES:
        usual = CHUNK_MAX_BYTES
    room = size if size > usual else usual
    if room > <size_t>-1 - HEADER_BYTES:
        return NULL
    room += HEADER_BYTES
    chunk = <arena_chunk_t *>(memory_take_unbounded(room) if arena.is_unbounded else memory_take_zeroed(room))
    if chunk == NULL:
        return NULL
    chunk.size = room - HEADER_BYTES
    arena.total += room
    # A large request gets a chunk of its own; the open one stays in front.
    if arena.head != NULL and chunk.size > usual:
        chunk.next = arena.head.next
        arena.head.next = chunk
    else:
        chunk.next = arena.head
        arena.head = chunk
    return chunk


cdef void *arena_take(arena_t *arena, size_t size) noexcept nogil:
    cdef arena_chunk_t *chunk = arena.head
    cdef char *at
    if size > <size_t>-1 - 2 * ALIGNMENT:
        return NULL
    size = (size + ALIGNMENT - 1) & ~(<size_t>ALIGNMENT - 1)
    if chunk == NULL or chunk.size - chunk.used < size:
        chunk = _chunk_add(arena, size)
        if chunk == NULL:
            return NULL
    at = <char *>chunk + HEADER_BYTES + chunk.used
    chunk.used += size
    return at


cdef span_t arena_copy(arena_t *arena, span_t s) noexcept nogil:
    cdef char *at = <char *>arena_take(arena, s.len if s.len else 1)
    if at == NULL:
        return span_of(NULL, 0)
    if s.len:
        memcpy(at, s.at, s.len)
    return span_of(at, s.len)


cdef void arena_close(arena_t *arena) noexcept nogil:
    cdef arena_chunk_t *chunk = arena.head
    cdef arena_chunk_t *next
    while chunk != NULL:
        next = chunk.next
        memory_give(chunk)
        chunk = next
    arena.head = NULL
    arena.total = 0

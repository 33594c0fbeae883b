"""Bump allocation for things that die together: a snapshot, a peer set."""

from .span cimport span_t


cdef struct arena_chunk_t:
    # Part of its arena; the bytes given out follow it.
    arena_chunk_t *next
    size_t used
    size_t size         # bytes after this header


cdef struct arena_t:
    # Owner: whoever called arena_open. Built by one thread, then read-only.
    # Dies, with all it gave out, in arena_close.
    arena_chunk_t *head
    size_t total        # bytes asked of malloc: what this arena costs
    bint is_unbounded   # a builder's, which the limit of base/memory does not stop; a request's, zeroed and never opened, is


cdef void arena_open(arena_t *arena) noexcept nogil                     # by builders
cdef void *arena_take(arena_t *arena, size_t size) noexcept nogil       # zeroed, aligned for any C type (as malloc: 8 on armv7); NULL: no memory
cdef span_t arena_copy(arena_t *arena, span_t s) noexcept nogil         # .at NULL: no memory (a copy of an empty span is never NULL)
cdef void arena_close(arena_t *arena) noexcept nogil

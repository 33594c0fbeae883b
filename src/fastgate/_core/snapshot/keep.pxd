"""What builders put into a snapshot's arena. MemoryError when there is no more."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t


cdef int keep_text(arena_t *arena, str text, span_t *kept_out) except -1        # None: empty
cdef int keep_bytes(arena_t *arena, bytes data, span_t *kept_out) except -1
cdef span_t *keep_texts(arena_t *arena, list texts, uint32_t *n_out) except NULL    # one after the other
cdef void *keep_room(arena_t *arena, size_t size) except NULL                   # zeroed
cdef uint64_t ns_of_ms(object milliseconds) except? 0

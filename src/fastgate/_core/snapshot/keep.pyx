"""Copying Python's values into an arena."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_copy, arena_t, arena_take
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport span_of, span_t


cdef int keep_bytes(arena_t *arena, bytes data, span_t *kept_out) except -1:
    kept_out[0] = arena_copy(arena, span_of(<const char *>data, <size_t>len(data)))
    if kept_out.at == NULL:
        raise MemoryError("no memory for the configuration")
    return 0


cdef int keep_text(arena_t *arena, str text, span_t *kept_out) except -1:
    return keep_bytes(arena, (text or "").encode(), kept_out)


cdef span_t *keep_texts(arena_t *arena, list texts, uint32_t *n_out) except NULL:
    cdef span_t *kept = <span_t *>keep_room(arena, len(texts) * sizeof(span_t))
    cdef uint32_t i
    for i, text in enumerate(texts):
        keep_text(arena, text, &kept[i])
    n_out[0] = <uint32_t>len(texts)
    return kept


cdef void *keep_room(arena_t *arena, size_t size) except NULL:
    cdef void *room = arena_take(arena, size if size else 1)
    if room == NULL:
        raise MemoryError("no memory for the configuration")
    return room


cdef uint64_t ns_of_ms(object milliseconds) except? 0:
    return <uint64_t>milliseconds * NS_PER_MS

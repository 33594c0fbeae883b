"""Keys are copied by the index, so those it is built from live only as long as a call."""

import os

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from fastgate._core.auth.key_index cimport key_index_build, key_item_t
from fastgate._core.base.arena cimport arena_close, arena_open
from fastgate._core.base.status cimport NO_MEMORY, OK
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef bint text_index_build(key_index_t *index, arena_t *arena, list items, uint32_t *twins_out) except -1:
    cdef bytes random = os.urandom(16)
    cdef uint64_t seed[2]
    cdef arena_t scratch
    cdef key_item_t *kept
    cdef uint32_t i
    memcpy(seed, <const char *>random, sizeof(seed))
    arena_open(&scratch)
    try:
        kept = <key_item_t *>keep_room(&scratch, len(items) * sizeof(key_item_t))
        for i, (text, place) in enumerate(items):
            keep_text(&scratch, text, &kept[i].key)
            kept[i].value = place
        status = key_index_build(index, arena, kept, <uint32_t>len(items), seed, twins_out)
    finally:
        arena_close(&scratch)
    if status == NO_MEMORY:
        raise MemoryError("no memory for the configuration")
    return status == OK

"""Two indices in the snapshot's arena."""

import os

from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from fastgate._core.auth.key_index cimport key_index_build, key_index_find, key_item_t
from fastgate._core.base.arena cimport arena_close, arena_open, arena_t
from fastgate._core.base.status cimport OK
from fastgate._core.snapshot.keep cimport keep_room, keep_text


cdef int _build(key_index_t *index, snapshot_t *snapshot, list entities, str name) except -1:
    """Ids go before names: who is called like another's id is found by the own id only."""
    cdef dict places = {entity[name]: place for place, entity in enumerate(entities) if entity[name] is not None}
    cdef bytes random = os.urandom(16)
    cdef uint64_t seed[2]
    cdef uint32_t twins[2]
    cdef arena_t scratch
    cdef key_item_t *items
    cdef uint32_t i
    places.update((entity["id"], place) for place, entity in enumerate(entities))
    memcpy(seed, <const char *>random, sizeof(seed))
    arena_open(&scratch)
    try:
        items = <key_item_t *>keep_room(&scratch, len(places) * sizeof(key_item_t))
        for i, (key, place) in enumerate(places.items()):
            keep_text(&scratch, key, &items[i].key)
            items[i].value = place
        status = key_index_build(index, &snapshot.arena, items, <uint32_t>len(places), seed, twins)
    finally:
        arena_close(&scratch)
    if status != OK:
        raise MemoryError("no memory for the configuration")
    return 0


cdef int python_names_build(snapshot_t *snapshot, object model) except -1:
    cdef python_names_t *names = <python_names_t *>keep_room(&snapshot.arena, sizeof(python_names_t))
    _build(&names.indices[<int>NAME_CONSUMER], snapshot, model.consumers, "username")
    _build(&names.indices[<int>NAME_SERVICE], snapshot, model.services, "name")
    snapshot.names = names
    return 0


cdef uint32_t python_names_find(const snapshot_t *snapshot, python_name_t kind, span_t name) noexcept nogil:
    cdef const python_names_t *names = <const python_names_t *>snapshot.names
    return key_index_find(&names.indices[<unsigned>kind], name)

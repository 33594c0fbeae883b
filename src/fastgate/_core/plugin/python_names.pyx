"""Two indices in the snapshot's arena."""

from fastgate._core.auth.key_index cimport key_index_find
from fastgate._core.plugin.text_index cimport text_index_build
from fastgate._core.snapshot.keep cimport keep_room


cdef int _build(key_index_t *index, snapshot_t *snapshot, list entities, str name) except -1:
    """Ids go before names: who is called like another's id is found by the own id only."""
    cdef dict places = {entity[name]: place for place, entity in enumerate(entities) if entity[name] is not None}
    cdef uint32_t twins[2]
    places.update((entity["id"], place) for place, entity in enumerate(entities))
    text_index_build(index, &snapshot.arena, list(places.items()), twins)       # keys of a dict: none are alike
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

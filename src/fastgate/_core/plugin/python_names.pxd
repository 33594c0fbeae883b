"""Consumers and services by what plugins in Python call them."""

from libc.stdint cimport uint32_t

from fastgate._core.auth.key_index cimport key_index_t
from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef enum python_name_t:
    NAME_CONSUMER                   # an id, or a username that is nobody's id
    NAME_SERVICE                    # an id or a name likewise
    NAME_COUNT


cdef struct python_names_t:
    # Owner: the snapshot's arena (snapshot.names). Read-only after build, any thread.
    key_index_t indices[NAME_COUNT] # by python_name_t -> place in snapshot.consumers, snapshot.services


# Builder, once a snapshot. `model`: what the snapshot is compiled from.
cdef int python_names_build(snapshot_t *snapshot, object model) except -1
cdef uint32_t python_names_find(const snapshot_t *snapshot, python_name_t kind, span_t name) noexcept nogil   # KEY_NONE: none

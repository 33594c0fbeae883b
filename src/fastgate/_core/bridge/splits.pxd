"""The series of routes whose requests traffic-split may send elsewhere."""

from fastgate._core.bridge.series_registry cimport SeriesRegistry
from fastgate._core.snapshot.snapshot cimport route_t, snapshot_t


cdef class Splits:
    """Lives for one compile_snapshot."""
    cdef dict labels            # (route id, service id), either perhaps None -> labels its plugins use

    cdef int put(self, snapshot_t *snapshot, route_t *route, dict entity, str name, SeriesRegistry series) except -1

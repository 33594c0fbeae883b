"""The series of all (service, route) pairs that some snapshot names, or a plugin chose."""

from libc.stdint cimport uint32_t

from fastgate._core.observe.series cimport series_t


cdef class Counted:
    """One pair's series, and the registry's reference to it."""
    # Owner: the registry's dict. Control thread only.
    cdef series_t *c_series
    cdef bint is_chosen             # a plugin in Python sent requests of that route to that service


cdef class SeriesRegistry:
    # Owner: the gateway object. Control thread only (the GIL is held throughout).
    cdef uint32_t n_reactors
    cdef dict pairs                 # (service, route) -> Counted

    # The series of the pair with one more reference, for the snapshot that will hold it
    # and give it back with series_unref. Raises MemoryError.
    cdef series_t *get(self, str service, str route) except NULL

    # The same without a reference, for requests that a plugin in Python sent to another service
    # than their route's: it lives until `sweep` finds one of its names gone. Raises MemoryError.
    cdef series_t *get_chosen(self, str service, str route) except NULL

    cdef Counted _of(self, str service, str route)

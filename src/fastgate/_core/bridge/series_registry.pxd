"""The series of all (service, route) pairs that some snapshot names."""

from libc.stdint cimport uint32_t

from fastgate._core.observe.series cimport series_t


cdef class SeriesRegistry:
    # Owner: the gateway object. Control thread only (the GIL is held throughout).
    cdef uint32_t n_reactors
    cdef dict c_series              # (service, route) -> address of its series_t; one reference each

    # The series of the pair with one more reference, for the snapshot that will hold it
    # and give it back with series_unref. Raises MemoryError.
    cdef series_t *get(self, str service, str route) except NULL

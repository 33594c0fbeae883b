"""The access log as Python's object, and as the reactors' pointer."""

from fastgate._core.observe.access_log cimport access_log_t


cdef class AccessLog:
    # Owner: the gateway object, which keeps it until its reactors have ended.
    # read-only after build
    cdef access_log_t *c_log
    cdef readonly str path          # or "" for a descriptor given by number
    cdef readonly str name          # for messages
    # control thread and writer thread, under the GIL
    cdef bint is_ours               # the descriptor is to be closed at the end
    cdef bint is_started
    cdef object ended               # threading.Event: the writer has gone

    # For the reactors: what access_log_emit takes.
    cdef access_log_t *pointer(self) noexcept nogil

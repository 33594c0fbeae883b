"""The addresses that are banned, for the control plane to read and change."""

from fastgate._core.guard.table cimport guard_table_t


cdef class Bans:
    cdef guard_table_t table        # the reactors' too: the Gateway keeps this object as long as they run

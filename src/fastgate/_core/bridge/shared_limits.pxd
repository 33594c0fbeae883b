"""Limits whose counts several gateways share, as Python sees them."""

from libc.stdint cimport uint64_t

from fastgate._core.limit.sharing cimport limit_sharing_t
from fastgate._core.limit.table cimport limit_table_t


cdef class SharedLimits:
    """Owner: its Gateway, which has the table. The control thread's."""
    cdef limit_table_t *table
    cdef dict sharings          # plugin id -> address of its limit_sharing_t; never fewer

    cdef limit_sharing_t *sharing(self, str id) except NULL

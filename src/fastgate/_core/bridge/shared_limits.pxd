"""Limits whose counts several gateways share, as Python sees them."""

from libc.stdint cimport uint64_t

from fastgate._core.limit.sharing cimport limit_sharing_t
from fastgate._core.limit.table cimport limit_table_t
from fastgate._core.plugin.rate_ask cimport rate_ask_t, rate_asks_t


cdef class SharedLimits:
    """Owner: its Gateway, which has the table. The control thread's."""
    cdef limit_table_t *table
    cdef dict sharings          # plugin id -> address of its limit_sharing_t; never fewer

    cdef dict ids               # and the other way round
    cdef rate_asks_t asks

    cdef limit_sharing_t *sharing(self, str id) except NULL


cdef class RateAsk:
    """A request that waits for Redis. Owner: Python; its block goes back to the reactor with the answer."""
    cdef rate_ask_t *c_ask      # NULL: answered
    cdef object owner           # kept alive: the queue it counts in
    cdef readonly str plugin
    cdef readonly uint64_t low
    cdef readonly uint64_t high
    cdef readonly uint64_t now_wall_ns

    cdef int _post(self, int verdict, list counts) except -1

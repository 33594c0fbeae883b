"""Keys fetched from elsewhere, on their way to the reactors."""

from fastgate._core.auth.key_set cimport key_table_t
from fastgate._core.proxy.exchange cimport gate_t, lane_t


cdef class RetiredKeys:
    # A replaced table, until every reactor has begun a loop since. Control thread only.
    cdef key_table_t *c_table
    cdef list loops             # loops_done of each lane when it was replaced


cdef class RemoteKeys:
    # Owner: the Gateway, which ends after its reactors. Control thread only; the reactors see the table.
    cdef gate_t *gate           # the Gateway's
    cdef lane_t **lanes
    cdef key_table_t *c_table   # the current one, as gate.remote_keys; NULL: none yet
    cdef list retired

    cdef bint _is_passed(self, RetiredKeys old, list running) except -1

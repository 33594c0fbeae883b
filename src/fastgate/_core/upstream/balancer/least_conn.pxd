"""Least connections: the target with the fewest requests in flight for its weight."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t


cdef struct least_conn_state_t:
    # Owner: one reactor; a cache line of its own.
    uint64_t *shares        # one a peer: what it was given, in turns / weight; fewest wins a tie
    uint64_t level          # the share of the peer last picked, before that pick
    uint32_t padding[12]


cdef status_t least_conn_build(peer_set_t *set) noexcept nogil

"""Weighted round-robin: each target exactly `weight` times a cycle, evenly spread."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t


cdef struct turn_t:
    # The next turn of one peer. Owner: the reactor whose heap it is in.
    uint64_t due            # cycle << 32 | where in the cycle, in 1/2**32 of it
    uint32_t nth            # which turn of this cycle it is, 0..weight - 1
    uint32_t peer


cdef struct round_robin_table_t:
    # Owner: the peer set. read-only after build
    uint32_t *weights       # divided by their greatest common divisor
    uint32_t *offsets       # where in its first stretch a peer's turn lies, in 1/2**32
    uint32_t *order         # `length` peers, one whole cycle; NULL: too long, use heaps
    uint32_t length


cdef struct round_robin_state_t:
    # Owner: one reactor; a cache line of its own.
    turn_t *heap            # the soonest turn on top; NULL where the cycle is in a table
    uint32_t cursor         # next place in `order`
    uint32_t padding[13]


cdef status_t round_robin_build(peer_set_t *set) noexcept nogil

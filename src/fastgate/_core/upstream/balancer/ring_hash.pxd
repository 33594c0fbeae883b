"""Consistent hashing: a key keeps its target while other targets come and go."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t


cdef struct ring_t:
    # Owner: the peer set. read-only after build
    uint32_t slots
    uint16_t *owners        # index of the peer that owns each slot


cdef status_t ring_hash_build(peer_set_t *set, uint32_t slots) noexcept nogil

# -ln(1 - x / 2**64) in units of 2**-58: what a share draws, before it is divided by its weight.
cdef uint64_t ring_hash_minus_ln(uint64_t x) noexcept nogil

"""Consistent hashing: a key keeps its target while other targets come and go."""

from libc.stdint cimport uint16_t, uint32_t

from fastgate._core.base.status cimport status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t


cdef struct ring_t:
    # Owner: the peer set. read-only after build
    uint32_t slots
    uint16_t *owners        # index of the peer that owns each slot


cdef status_t ring_hash_build(peer_set_t *set, uint32_t slots) noexcept nogil

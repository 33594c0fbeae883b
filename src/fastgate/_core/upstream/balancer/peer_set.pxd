"""A peer set: the peers of one upstream with the policy that picks among them."""

from libc.stdint cimport uint32_t

from fastgate._core.upstream.balancer.policy cimport algorithm_t, peer_set_t
from fastgate._core.upstream.peer cimport peer_t


# `weights` are > 0 (the caller leaves targets of weight 0 out) and add up where a peer
# is named twice. `n` may be 0: picks are then NULL. `slots` matters to consistent
# hashing only. Takes a reference on each peer. NULL: no memory, or more than
# PEER_SET_MAX_PEERS peers.
cdef peer_set_t *peer_set_build(algorithm_t algorithm, peer_t **peers, uint32_t *weights, uint32_t n,
                                uint32_t n_reactors, uint32_t slots) noexcept nogil
cdef void peer_set_free(peer_set_t *set) noexcept nogil     # drops the references; NULL is fine

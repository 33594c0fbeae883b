"""Builds and frees peer sets: merges peers named twice, then hands over to the policy."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t, arena_take
from fastgate._core.base.hash cimport hash_mix
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.upstream.balancer.ewma cimport ewma_build
from fastgate._core.upstream.balancer.least_conn cimport least_conn_build
from fastgate._core.upstream.balancer.policy cimport (
    ALGORITHM_CONSISTENT_HASHING,
    ALGORITHM_LATENCY,
    ALGORITHM_LEAST_CONNECTIONS,
    PEER_SET_MAX_PEERS,
    algorithm_t,
    peer_set_t,
    pick_t,
    pick_was_tried,
)
from fastgate._core.upstream.balancer.ring_hash cimport ring_hash_build
from fastgate._core.upstream.balancer.round_robin cimport round_robin_build
from fastgate._core.upstream.peer cimport peer_ref, peer_t, peer_unref


cdef peer_t *_pick_none(peer_set_t *set, const pick_t *pick) noexcept nogil:
    return NULL


cdef peer_t *_pick_only(peer_set_t *set, const pick_t *pick) noexcept nogil:
    return NULL if pick_was_tried(pick, set.peers[0]) else set.peers[0]


cdef status_t _fill(peer_set_t *set, peer_t **peers, uint32_t *weights, uint32_t n) noexcept nogil:
    """Copies the peers, each once, with their weights added up. Order is kept."""
    cdef arena_t scratch
    cdef uint32_t capacity = 4
    cdef uint32_t i, at
    cdef uint32_t *places
    while capacity < 2 * n:
        capacity *= 2
    arena_open(&scratch)
    places = <uint32_t *>arena_take(&scratch, capacity * sizeof(uint32_t))
    set.peers = <peer_t **>arena_take(&set.arena, n * sizeof(peer_t *))
    set.weights = <uint32_t *>arena_take(&set.arena, n * sizeof(uint32_t))
    if places == NULL or set.peers == NULL or set.weights == NULL:
        arena_close(&scratch)
        return NO_MEMORY
    for i in range(n):
        at = <uint32_t>hash_mix(<uint64_t><size_t>peers[i]) & (capacity - 1)
        while places[at] != 0 and set.peers[places[at] - 1] != peers[i]:
            at = (at + 1) & (capacity - 1)
        if places[at] != 0:
            set.weights[places[at] - 1] += weights[i]
            continue
        set.peers[set.n] = peers[i]
        set.weights[set.n] = weights[i]
        peer_ref(peers[i])
        set.n += 1
        places[at] = set.n
    arena_close(&scratch)
    return OK


cdef status_t _policy_build(peer_set_t *set, algorithm_t algorithm, uint32_t slots) noexcept nogil:
    if set.n == 0:
        set.pick = _pick_none
        return OK
    if set.n == 1:
        set.pick = _pick_only
        return OK
    if algorithm == ALGORITHM_LEAST_CONNECTIONS:
        return least_conn_build(set)
    if algorithm == ALGORITHM_CONSISTENT_HASHING:
        return ring_hash_build(set, slots)
    if algorithm == ALGORITHM_LATENCY:
        return ewma_build(set)
    return round_robin_build(set)


cdef peer_set_t *peer_set_build(algorithm_t algorithm, peer_t **peers, uint32_t *weights, uint32_t n,
                                uint32_t n_reactors, uint32_t slots) noexcept nogil:
    cdef arena_t arena
    cdef peer_set_t *set
    if n > PEER_SET_MAX_PEERS:
        return NULL
    arena_open(&arena)
    set = <peer_set_t *>arena_take(&arena, sizeof(peer_set_t))
    if set == NULL:
        return NULL
    set.arena = arena
    set.n_reactors = n_reactors
    if _fill(set, peers, weights, n) != OK or _policy_build(set, algorithm, slots) != OK:
        peer_set_free(set)
        return NULL
    return set


cdef void peer_set_free(peer_set_t *set) noexcept nogil:
    cdef arena_t arena
    cdef uint32_t i
    if set == NULL:
        return
    for i in range(set.n):
        peer_unref(set.peers[i])
    arena = set.arena       # the set lies in it
    arena_close(&arena)

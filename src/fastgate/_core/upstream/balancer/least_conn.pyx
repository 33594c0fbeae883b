"""Least connections: lowest inflight / weight, over counters all reactors share.

Ties, the usual case when little is going on, are settled by fair sharing: each reactor
counts per peer the turns it gave over the weight, and the one who had least comes next
(start-time fair queueing; Goyal, Vin, Cheng 1996). Equal peers so alternate exactly,
whichever of them tie, and idle peers share by weight as nginx's least_conn does.
"""

from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_take
from fastgate._core.base.atomics cimport atomic_load_i32
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t, pick_t, pick_was_tried
from fastgate._core.upstream.peer cimport peer_t


cdef enum:
    TURN = 1 << 24          # one turn of a peer of weight 1; the greatest weight leaves 256
    LINE_BYTES = 64


cdef peer_t *_pick(peer_set_t *set, const pick_t *pick) noexcept nogil:
    cdef least_conn_state_t *state = <least_conn_state_t *>set.state + pick.reactor
    cdef uint64_t *shares = state.shares
    cdef uint32_t best = set.n
    cdef uint64_t best_inflight = 0
    cdef uint64_t inflight, ours, theirs
    cdef int32_t counted
    cdef uint32_t i
    for i in range(set.n):
        if pick.n_tried != 0 and pick_was_tried(pick, set.peers[i]):
            continue
        counted = atomic_load_i32(&set.peers[i].inflight)
        inflight = <uint64_t>counted if counted > 0 else 0
        if best != set.n:
            # inflight / weight < best_inflight / best_weight, without dividing
            ours = inflight * set.weights[best]
            theirs = best_inflight * set.weights[i]
            # Shares are compared by difference, so that wrapping does no harm.
            if ours > theirs or (ours == theirs and <int64_t>(shares[i] - shares[best]) >= 0):
                continue
        best = i
        best_inflight = inflight
    if best == set.n:
        return NULL
    # Who was busy for long does not catch up: nobody is behind the level.
    if <int64_t>(shares[best] - state.level) < 0:
        shares[best] = state.level
    state.level = shares[best]
    shares[best] += TURN // set.weights[best] + 1
    return set.peers[best]


cdef status_t least_conn_build(peer_set_t *set) noexcept nogil:
    cdef least_conn_state_t *states
    cdef uint32_t reactor, i
    states = <least_conn_state_t *>arena_take(&set.arena, set.n_reactors * sizeof(least_conn_state_t))
    if states == NULL:
        return NO_MEMORY
    for reactor in range(set.n_reactors):
        # A line more than needed: the neighbour's shares must not begin in this one's last.
        states[reactor].shares = <uint64_t *>arena_take(&set.arena, set.n * sizeof(uint64_t) + LINE_BYTES)
        if states[reactor].shares == NULL:
            return NO_MEMORY
        for i in range(set.n):
            # Reactors begin at different peers; less than one turn sets them apart.
            states[reactor].shares[i] = (i + set.n - reactor * set.n // set.n_reactors) % set.n
    set.state = states
    set.pick = _pick
    return OK

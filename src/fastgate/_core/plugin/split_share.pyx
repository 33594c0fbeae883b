"""Smooth weighted turns, and weighted rendezvous hashing.

In turn: every share gains its weight, the richest pays the sum and is chosen. With two shares no window
of turns is off by one; a cycle of `sum` turns is exact with any number. It is how nginx spreads over peers.

By key: as `upstream/balancer/ring_hash` gives out its slots: each share draws -ln(u) / weight from its own
hash and the key, and the lowest wins. A draw depends on nothing but its share, so what changes about one
moves keys to it or from it and never between two others.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t, arena_take
from fastgate._core.base.hash cimport hash_mix
from fastgate._core.base.status cimport FAILED, NO_MEMORY, OK, status_t
from fastgate._core.upstream.balancer.ring_hash cimport ring_hash_minus_ln


cdef enum:
    CACHE_LINE = 8                  # in int64_t
    PHASES_MOST = 1024              # turns taken at most to begin somewhere in the cycle
    DRAW_SHIFT = 18                 # a draw times a weight must fit 64 bits


cdef uint32_t _common(uint32_t a, uint32_t b) noexcept nogil:
    cdef uint32_t rest
    while b:
        rest = a % b
        a = b
        b = rest
    return a


cdef status_t share_set_open(share_set_t *set, arena_t *arena, uint32_t n_reactors) noexcept nogil:
    cdef uint32_t i, common = 0
    for i in range(set.n):
        common = _common(set.shares[i].weight, common)
    if common == 0:
        return FAILED
    for i in range(set.n):
        set.shares[i].weight //= common
        set.sum += set.shares[i].weight
    # One for "has begun", and a line between two reactors' parts wherever the arena puts the first.
    set.stride = (set.n + CACHE_LINE) // CACHE_LINE * CACHE_LINE + CACHE_LINE
    set.turns = <int64_t *>arena_take(arena, <size_t>set.stride * n_reactors * sizeof(int64_t))
    return OK if set.turns != NULL else NO_MEMORY


cdef uint32_t _turn(const share_set_t *set, int64_t *gains) noexcept nogil:
    cdef uint32_t i, best = 0
    cdef int64_t most = -1          # the richest has more than nothing: the gains add up to `sum`
    for i in range(set.n):
        if set.shares[i].weight == 0:
            continue
        gains[i] += set.shares[i].weight
        if gains[i] > most:
            most = gains[i]
            best = i
    gains[best] -= set.sum
    return best


cdef uint32_t share_next(const share_set_t *set, uint32_t reactor, uint64_t random) noexcept nogil:
    cdef int64_t *part = set.turns + <size_t>set.stride * reactor
    cdef uint32_t i, phase
    if part[0] == 0:
        # Somewhere: else a reload every few requests would give the small shares nothing.
        part[0] = 1
        phase = <uint32_t>(random % (set.sum if set.sum < PHASES_MOST else <uint32_t>PHASES_MOST))
        for i in range(phase):
            _turn(set, part + 1)
    return _turn(set, part + 1)


cdef uint32_t share_of(const share_set_t *set, uint64_t key) noexcept nogil:
    cdef uint32_t i, best = 0
    cdef uint64_t draw, lowest = 0
    cdef uint64_t weight, of_best = 0
    for i in range(set.n):
        weight = set.shares[i].weight
        if weight == 0:
            continue
        draw = ring_hash_minus_ln(hash_mix(key ^ set.shares[i].hash)) >> DRAW_SHIFT
        if of_best == 0 or draw * of_best < lowest * weight:
            lowest = draw
            of_best = weight
            best = i
    return best

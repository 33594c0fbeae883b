"""Consistent hashing over a ring of equal slots.

A key's hash falls into one of `slots` slots, and each slot belongs to the peer that
wins it by weighted rendezvous hashing (Thaler and Ravishankar 1998; weights as in
Schindelhauer and Schomaker 2005): every peer draws a number from the hash of its name
and the slot, -ln(u) / weight, and the lowest wins. A peer's draw depends on nothing but
itself and the slot, so when one comes, goes or changes weight, slots move to it or from
it and never between two others. With points on a ring, as Kong has them, that holds
only while their number does not depend on the other targets' weights.

Shares are by weight, give or take 1/sqrt(slots owned). The arithmetic is on integers
alone and names are hashed with seed 0: every node and architecture gets the same ring
from the same names, slots and weights, whatever order they come in.
"""

from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcmp

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t, arena_take
from fastgate._core.base.hash cimport hash_bytes, hash_mix
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t, pick_t, pick_was_tried
from fastgate._core.upstream.peer cimport peer_t


cdef enum:
    SLOTS_MIN = 10          # Kong's bounds of `slots`
    SLOTS_MAX = 65536
    LOG_BITS = 26           # fraction bits of the binary logarithm


cdef struct entrant_t:
    # A peer while slots are being given out. Owner: ring_hash_build.
    uint64_t hash
    const peer_t *peer
    uint32_t weight
    uint16_t index


cdef int _entrant_order(const void *a, const void *b) noexcept nogil:
    """By weight, heaviest first, then by name. Equal only for peers of one address."""
    cdef const entrant_t *x = <const entrant_t *>a
    cdef const entrant_t *y = <const entrant_t *>b
    cdef uint32_t shorter
    cdef int order
    if x.weight != y.weight:
        return -1 if x.weight > y.weight else 1
    shorter = x.peer.name_len if x.peer.name_len < y.peer.name_len else y.peer.name_len
    order = memcmp(x.peer.name, y.peer.name, shorter)
    if order != 0:
        return order
    if x.peer.name_len != y.peer.name_len:
        return -1 if x.peer.name_len < y.peer.name_len else 1
    return -1 if x.index < y.index else 1


cdef uint64_t ring_hash_minus_ln(uint64_t x) noexcept nogil:
    """-ln(1 - x / 2**64) in units of 2**-58, to about one part in 2**13 or better.

    Rises with x and is never below x itself.
    """
    cdef uint64_t rest, half, fraction, mantissa
    cdef uint32_t bits
    cdef int32_t i
    if x >> 52 == 0:
        half = x >> 32
        return (x >> 6) + ((half * half) >> 7)      # x + x**2 / 2
    rest = ~x if ~x != 0 else 1
    bits = 1
    while rest >> 63 == 0:
        rest <<= 1
        bits += 1
    # Binary logarithm of the mantissa, bit by bit: squaring doubles it.
    mantissa = rest >> 32
    fraction = 0
    for i in range(LOG_BITS):
        mantissa = (mantissa * mantissa) >> 31
        fraction <<= 1
        if mantissa >> 32 != 0:
            mantissa >>= 1
            fraction |= 1
    # times ln 2, which is 2977044472 / 2**32
    return ((<uint64_t>bits << LOG_BITS) - fraction) * <uint64_t>2977044472u


cdef uint16_t _slot_owner(const entrant_t *entrants, uint32_t n, uint32_t slot) noexcept nogil:
    cdef uint64_t salt = hash_mix((<uint64_t>slot + 1) * <uint64_t>0x9e3779b97f4a7c15u)
    cdef uint64_t lowest = <uint64_t>-1
    cdef uint64_t hash, top, draw
    cdef uint32_t start = 0
    cdef uint32_t end, best
    cdef uint16_t owner = entrants[0].index
    while start < n:
        # Among peers of one weight the highest hash has the lowest draw: one logarithm.
        best = start
        top = 0
        end = start
        while end < n and entrants[end].weight == entrants[start].weight:
            hash = hash_mix(entrants[end].hash + salt)
            if hash > top:
                top = hash
                best = end
            end += 1
        if start == 0 and end == n:
            return entrants[best].index
        # The draw is at least ~top / weight: most groups lose without a logarithm.
        if (~top >> 6) // entrants[best].weight < lowest:
            draw = ring_hash_minus_ln(~top) // entrants[best].weight
            if draw < lowest:
                lowest = draw
                owner = entrants[best].index
        start = end
    return owner


cdef peer_t *_pick(peer_set_t *set, const pick_t *pick) noexcept nogil:
    cdef const ring_t *ring = <const ring_t *>set.table
    cdef uint64_t where = pick.hash if pick.has_hash else pick.random
    cdef uint32_t slot = <uint32_t>(((where >> 32) * ring.slots) >> 32)
    cdef peer_t *peer = set.peers[ring.owners[slot]]
    cdef uint32_t i
    if pick.n_tried == 0 or not pick_was_tried(pick, peer):
        return peer
    # On along the ring: the owners of the next slots are chance, so a failing peer's
    # keys spread over the others by weight, and each key always over the same ones.
    for i in range(1, ring.slots):
        slot += 1
        if slot == ring.slots:
            slot = 0
        peer = set.peers[ring.owners[slot]]
        if not pick_was_tried(pick, peer):
            return peer
    # A peer of little weight may own no slot; as a last resort it is as good as any.
    for i in range(set.n):
        if not pick_was_tried(pick, set.peers[i]):
            return set.peers[i]
    return NULL


cdef status_t ring_hash_build(peer_set_t *set, uint32_t slots) noexcept nogil:
    cdef arena_t scratch
    cdef ring_t *ring
    cdef entrant_t *entrants
    cdef uint32_t i
    slots = SLOTS_MIN if slots < SLOTS_MIN else (SLOTS_MAX if slots > SLOTS_MAX else slots)
    arena_open(&scratch)
    entrants = <entrant_t *>arena_take(&scratch, set.n * sizeof(entrant_t))
    ring = <ring_t *>arena_take(&set.arena, sizeof(ring_t))
    if ring != NULL:
        ring.slots = slots
        ring.owners = <uint16_t *>arena_take(&set.arena, slots * sizeof(uint16_t))
    if entrants == NULL or ring == NULL or ring.owners == NULL:
        arena_close(&scratch)
        return NO_MEMORY
    for i in range(set.n):
        entrants[i].peer = set.peers[i]
        entrants[i].hash = hash_bytes(set.peers[i].name, set.peers[i].name_len, 0)
        entrants[i].weight = set.weights[i]
        entrants[i].index = <uint16_t>i
    qsort(entrants, set.n, sizeof(entrant_t), _entrant_order)
    for i in range(slots):
        ring.owners[i] = _slot_owner(entrants, set.n, i)
    arena_close(&scratch)
    set.table = ring
    set.pick = _pick
    return OK

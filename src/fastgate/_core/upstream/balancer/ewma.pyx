"""Latency policy: power of two choices by peak EWMA.

Two peers are drawn, by weight, and the one with the lower cost is picked
(Mitzenmacher 2001). The cost is latency x (inflight + 1) / weight. The latency of a
peer is a moving average that rises at once to a peak and falls with time, to 1/e in
10 s (Finagle's PeakEwma; weight and decay time are those of Kong's `latency`
algorithm). It falls while nobody asks, too, so a slow peer is tried again.

A peer not measured yet costs nothing while idle and more than any other once a request
is at it: it is tried, one request at a time, until the first answer.
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_take
from fastgate._core.base.atomics cimport (
    atomic_cas_u64,
    atomic_load_i32,
    atomic_load_u64,
    atomic_store_u64,
)
from fastgate._core.base.hash cimport hash_mix
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t, pick_t, pick_was_tried
from fastgate._core.upstream.peer cimport peer_t


cdef enum:
    HALF_LIFE_MS = 6931         # 10 s x ln 2
    NS_PER_MS = 1000000
    DRAWS = 8                   # before walking on to find two peers not tried yet
    LATENCY_BITS = 40           # 18 minutes in ns: longer counts as that
    SHARE_BITS = 16


cdef double UNKNOWN_COST = 1e30


cdef inline uint64_t _decayed(uint64_t latency_ns, uint64_t age_ns) noexcept nogil:
    """latency x 2 ** (-age / half-life), by a parabola within each half-life (0.3 %)."""
    cdef uint64_t half_life = <uint64_t>HALF_LIFE_MS * NS_PER_MS
    cdef uint64_t halvings = age_ns // half_life
    cdef uint64_t part, share
    if halvings >= LATENCY_BITS:
        return 0
    part = ((age_ns - halvings * half_life) << SHARE_BITS) // half_life
    # 1 - 0.67157 x + 0.17157 x**2 is 2**-x at 0, 1/2 and 1.
    share = 65536 - ((part * 44012) >> 16) + ((((part * part) >> 16) * 11244) >> 16)
    return ((latency_ns * share) >> SHARE_BITS) >> halvings


cdef inline uint64_t _age(const peer_t *peer, uint64_t now_ns) noexcept nogil:
    cdef uint64_t at_ns = atomic_load_u64(&(<peer_t *>peer).latency_at_ns)
    # Another reactor's clock may be ahead by one turn of its loop.
    return now_ns - at_ns if now_ns > at_ns else 0


cdef uint64_t ewma_latency(const peer_t *peer, uint64_t now_ns) noexcept nogil:
    return _decayed(atomic_load_u64(&(<peer_t *>peer).latency_ns), _age(peer, now_ns))


cdef void ewma_observe(peer_t *peer, uint64_t latency_ns, uint64_t now_ns) noexcept nogil:
    """The two fields are written one after the other: a reader between them takes one
    average for older or younger than it is, once, which does no harm."""
    cdef uint64_t limit = (<uint64_t>1 << LATENCY_BITS) - 1
    cdef uint64_t old, old_decayed, share, new
    if latency_ns > limit:
        latency_ns = limit
    elif latency_ns == 0:
        latency_ns = 1      # 0 is "unknown"
    while True:
        old = atomic_load_u64(&peer.latency_ns)
        new = latency_ns
        if old > latency_ns:
            # old x w + latency x (1 - w), with w = share / 2**16 from the age
            old_decayed = _decayed(old, _age(peer, now_ns))
            share = (old_decayed << SHARE_BITS) // old
            new = old_decayed + ((latency_ns * ((1 << SHARE_BITS) - share)) >> SHARE_BITS)
        if atomic_cas_u64(&peer.latency_ns, old, new):
            break
    atomic_store_u64(&peer.latency_at_ns, now_ns)


cdef inline double _cost(peer_set_t *set, uint32_t i, uint64_t now_ns) noexcept nogil:
    cdef peer_t *peer = set.peers[i]
    cdef uint64_t latency_ns = ewma_latency(peer, now_ns)
    cdef int32_t inflight = atomic_load_i32(&peer.inflight)
    if inflight < 0:
        inflight = 0
    if latency_ns == 0 and inflight > 0:
        return UNKNOWN_COST * inflight
    return <double>latency_ns * (inflight + 1.0) / set.weights[i]


cdef inline uint32_t _draw(peer_set_t *set, uint64_t random) noexcept nogil:
    """A peer by chance, in proportion to its weight."""
    cdef const ewma_table_t *table = <const ewma_table_t *>set.table
    cdef uint64_t wanted
    cdef uint32_t low, high, middle
    if table.sums == NULL:
        return <uint32_t>(((random >> 32) * set.n) >> 32)
    wanted = random % table.total
    low = 0
    high = set.n - 1
    while low < high:
        middle = (low + high) // 2
        if table.sums[middle] > wanted:
            high = middle
        else:
            low = middle + 1
    return low


cdef inline bint _is_open(peer_set_t *set, const pick_t *pick, uint32_t i) noexcept nogil:
    return pick.n_tried == 0 or not pick_was_tried(pick, set.peers[i])


cdef peer_t *_pick(peer_set_t *set, const pick_t *pick) noexcept nogil:
    cdef uint64_t random = pick.random
    cdef uint32_t first = set.n
    cdef uint32_t second = set.n
    cdef uint32_t i, at
    cdef int32_t drawn
    for drawn in range(DRAWS):
        at = _draw(set, random)
        random = hash_mix(random + <uint64_t>0x9e3779b97f4a7c15u)
        if at == first or not _is_open(set, pick, at):
            continue
        if first == set.n:
            first = at
        else:
            second = at
            break
    if second == set.n:
        # Nearly all were tried, or one has nearly all the weight: whoever comes next.
        at = _draw(set, random)
        for i in range(set.n):
            if at != first and _is_open(set, pick, at):
                if first == set.n:
                    first = at
                else:
                    second = at
                    break
            at = 0 if at + 1 == set.n else at + 1
    if first == set.n:
        return NULL
    if second != set.n and _cost(set, second, pick.now_ns) < _cost(set, first, pick.now_ns):
        return set.peers[second]
    return set.peers[first]


cdef status_t ewma_build(peer_set_t *set) noexcept nogil:
    cdef ewma_table_t *table = <ewma_table_t *>arena_take(&set.arena, sizeof(ewma_table_t))
    cdef bint is_even = True
    cdef uint32_t i
    if table == NULL:
        return NO_MEMORY
    for i in range(set.n):
        is_even = is_even and set.weights[i] == set.weights[0]
    if not is_even:
        table.sums = <uint64_t *>arena_take(&set.arena, set.n * sizeof(uint64_t))
        if table.sums == NULL:
            return NO_MEMORY
        for i in range(set.n):
            table.total += set.weights[i]
            table.sums[i] = table.total
    set.table = table
    set.pick = _pick
    return OK

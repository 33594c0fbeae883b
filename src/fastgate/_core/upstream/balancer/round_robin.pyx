"""Weighted round-robin over turns laid out in time.

A cycle has W turns, W being the sum of the weights divided by their greatest common
divisor. A peer of weight w has its turns at (j + offset) / w of the cycle, j = 0..w-1,
so it gets exactly w of any W picks in a row, spread evenly. Peers of equal weight have
their offsets spread over (0, 1), so they interleave instead of coming in a bunch, as
equals do in nginx's smooth weighted round-robin.

Short cycles are written out once and shared: a pick is one array read. Long ones (such
as weights 65535 and 65521) keep a heap of next turns per reactor: same order, O(log n).
Reactors start at different places of the cycle.
"""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.stdlib cimport qsort

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t, arena_take
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t, pick_t, pick_was_tried
from fastgate._core.upstream.peer cimport peer_t


cdef enum:
    ORDER_MIN_LIMIT = 4096      # a cycle this long, or of 4 turns a peer, is written out
    ORDER_TURNS_PER_PEER = 4
    LINE_BYTES = 64


cdef struct ranked_t:
    uint32_t weight
    uint32_t peer


cdef int _ranked_order(const void *a, const void *b) noexcept nogil:
    cdef const ranked_t *x = <const ranked_t *>a
    cdef const ranked_t *y = <const ranked_t *>b
    if x.weight != y.weight:
        return -1 if x.weight < y.weight else 1
    return -1 if x.peer < y.peer else 1


cdef uint32_t _common_divisor(const uint32_t *weights, uint32_t n) noexcept nogil:
    cdef uint32_t a = weights[0]
    cdef uint32_t b, rest
    cdef uint32_t i
    for i in range(1, n):
        b = weights[i]
        while b != 0:
            rest = a % b
            a = b
            b = rest
    return a


cdef status_t _offsets_set(round_robin_table_t *table, uint32_t n) noexcept nogil:
    """Spreads the offsets of peers of one weight: (rank + 1/2) / how many there are."""
    cdef arena_t scratch
    cdef ranked_t *ranked
    cdef uint32_t i, start, end
    arena_open(&scratch)
    ranked = <ranked_t *>arena_take(&scratch, n * sizeof(ranked_t))
    if ranked == NULL:
        return NO_MEMORY
    for i in range(n):
        ranked[i].weight = table.weights[i]
        ranked[i].peer = i
    qsort(ranked, n, sizeof(ranked_t), _ranked_order)
    start = 0
    while start < n:
        end = start
        while end < n and ranked[end].weight == ranked[start].weight:
            end += 1
        for i in range(start, end):
            table.offsets[ranked[i].peer] = <uint32_t>((<uint64_t>(2 * (i - start) + 1) << 31) // (end - start))
        start = end
    arena_close(&scratch)
    return OK


cdef inline uint64_t _place(const round_robin_table_t *table, const turn_t *turn) noexcept nogil:
    """Where in the cycle a turn lies. Below 2**32, as nth < weight and offset < 2**32."""
    return ((<uint64_t>turn.nth << 32) + table.offsets[turn.peer]) // table.weights[turn.peer]


cdef inline bint _is_sooner(const turn_t *a, const turn_t *b) noexcept nogil:
    # By difference, so that a cycle count that wraps does no harm.
    cdef int64_t apart = <int64_t>(a.due - b.due)
    return apart < 0 or (apart == 0 and a.peer < b.peer)


cdef inline void _turn_next(const round_robin_table_t *table, turn_t *turn) noexcept nogil:
    cdef uint64_t cycle = turn.due >> 32
    turn.nth += 1
    if turn.nth == table.weights[turn.peer]:
        turn.nth = 0
        cycle += 1
    turn.due = (cycle << 32) + _place(table, turn)


cdef void _heap_settle(turn_t *heap, uint32_t n, uint32_t at) noexcept nogil:
    """Moves the entry at `at` down to where it belongs."""
    cdef turn_t moved = heap[at]
    cdef uint32_t child
    while True:
        child = 2 * at + 1
        if child >= n:
            break
        if child + 1 < n and _is_sooner(&heap[child + 1], &heap[child]):
            child += 1
        if not _is_sooner(&heap[child], &moved):
            break
        heap[at] = heap[child]
        at = child
    heap[at] = moved


cdef void _heap_fill(const round_robin_table_t *table, turn_t *heap, uint32_t n, uint64_t start) noexcept nogil:
    """Each peer's first turn at or after `start` of the cycle (in 1/2**32)."""
    cdef uint32_t i, at
    cdef turn_t *turn
    for i in range(n):
        turn = &heap[i]
        turn.peer = i
        turn.nth = <uint32_t>((start * table.weights[i]) >> 32)
        turn.due = _place(table, turn)
        if turn.due < start:
            _turn_next(table, turn)
    at = n // 2
    while at > 0:
        at -= 1
        _heap_settle(heap, n, at)


cdef inline uint32_t _heap_take(const round_robin_table_t *table, turn_t *heap, uint32_t n) noexcept nogil:
    cdef uint32_t peer = heap[0].peer
    _turn_next(table, &heap[0])
    _heap_settle(heap, n, 0)
    return peer


cdef peer_t *_pick_from_order(peer_set_t *set, const pick_t *pick) noexcept nogil:
    cdef const round_robin_table_t *table = <const round_robin_table_t *>set.table
    cdef round_robin_state_t *state = <round_robin_state_t *>set.state + pick.reactor
    cdef uint32_t at = state.cursor
    cdef peer_t *peer = set.peers[table.order[at]]
    cdef uint32_t i
    if pick.n_tried == 0 or not pick_was_tried(pick, peer):
        at += 1
        state.cursor = 0 if at == table.length else at
        return peer
    # The peer whose turn it is failed this request already. The next one stands in and
    # nobody loses a turn: for other requests the order goes on as if nothing happened.
    for i in range(1, table.length):
        at += 1
        if at == table.length:
            at = 0
        peer = set.peers[table.order[at]]
        if not pick_was_tried(pick, peer):
            return peer
    return NULL


cdef peer_t *_pick_from_heap(peer_set_t *set, const pick_t *pick) noexcept nogil:
    cdef const round_robin_table_t *table = <const round_robin_table_t *>set.table
    cdef turn_t *heap = (<round_robin_state_t *>set.state + pick.reactor).heap
    cdef const turn_t *soonest = NULL
    cdef uint32_t i
    if pick.n_tried == 0 or not pick_was_tried(pick, set.peers[heap[0].peer]):
        return set.peers[_heap_take(table, heap, set.n)]
    for i in range(1, set.n):
        if (soonest == NULL or _is_sooner(&heap[i], soonest)) and not pick_was_tried(pick, set.peers[heap[i].peer]):
            soonest = &heap[i]
    return NULL if soonest == NULL else set.peers[soonest.peer]


cdef status_t _order_write(peer_set_t *set, round_robin_table_t *table) noexcept nogil:
    cdef arena_t scratch
    cdef turn_t *heap
    cdef uint32_t i
    arena_open(&scratch)
    heap = <turn_t *>arena_take(&scratch, set.n * sizeof(turn_t))
    table.order = <uint32_t *>arena_take(&set.arena, table.length * sizeof(uint32_t))
    if heap == NULL or table.order == NULL:
        arena_close(&scratch)
        return NO_MEMORY
    _heap_fill(table, heap, set.n, 0)
    for i in range(table.length):
        table.order[i] = _heap_take(table, heap, set.n)
    arena_close(&scratch)
    return OK


cdef status_t _heaps_make(peer_set_t *set, round_robin_table_t *table) noexcept nogil:
    cdef round_robin_state_t *states = <round_robin_state_t *>set.state
    cdef uint32_t i
    for i in range(set.n_reactors):
        # A line more than needed: the neighbour's heap must not begin in this one's last.
        states[i].heap = <turn_t *>arena_take(&set.arena, set.n * sizeof(turn_t) + LINE_BYTES)
        if states[i].heap == NULL:
            return NO_MEMORY
        _heap_fill(table, states[i].heap, set.n, (<uint64_t>i << 32) // set.n_reactors)
    return OK


cdef status_t round_robin_build(peer_set_t *set) noexcept nogil:
    cdef round_robin_table_t *table
    cdef round_robin_state_t *states
    cdef uint32_t divisor = _common_divisor(set.weights, set.n)
    cdef uint64_t length = 0
    cdef uint32_t i
    table = <round_robin_table_t *>arena_take(&set.arena, sizeof(round_robin_table_t))
    states = <round_robin_state_t *>arena_take(&set.arena, set.n_reactors * sizeof(round_robin_state_t))
    if table == NULL or states == NULL:
        return NO_MEMORY
    set.table = table
    set.state = states
    table.weights = <uint32_t *>arena_take(&set.arena, set.n * sizeof(uint32_t))
    table.offsets = <uint32_t *>arena_take(&set.arena, set.n * sizeof(uint32_t))
    if table.weights == NULL or table.offsets == NULL:
        return NO_MEMORY
    for i in range(set.n):
        table.weights[i] = set.weights[i] // divisor
        length += table.weights[i]
    if _offsets_set(table, set.n) != OK:
        return NO_MEMORY
    if length > ORDER_MIN_LIMIT and length > ORDER_TURNS_PER_PEER * set.n:
        set.pick = _pick_from_heap
        return _heaps_make(set, table)
    set.pick = _pick_from_order
    table.length = <uint32_t>length
    for i in range(set.n_reactors):
        states[i].cursor = <uint32_t>(length * i // set.n_reactors)
    return _order_write(set, table)

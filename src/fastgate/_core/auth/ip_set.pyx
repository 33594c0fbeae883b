"""A set of networks as the sorted edges of its ranges.

Networks become ranges, those that touch are joined, and each range leaves two numbers: its first address
and the one after its last. An address is in the set if the number of edges up to it is odd. A range that
ends with the last address of all has no second edge. The search has no branch that depends on data: a
wrong guess by the CPU costs more than a step.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport qsort

from fastgate._core.base.arena cimport arena_t, arena_take
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK, status_t


cdef enum:
    MAPPED_BITS = 96                # of ::ffff:0:0/96


cdef inline uint32_t _number32(const uint8_t *bytes) noexcept nogil:
    return <uint32_t>bytes[0] << 24 | <uint32_t>bytes[1] << 16 | <uint32_t>bytes[2] << 8 | <uint32_t>bytes[3]


cdef inline uint64_t _number64(const uint8_t *bytes) noexcept nogil:
    return <uint64_t>_number32(bytes) << 32 | <uint64_t>_number32(bytes + 4)


cdef inline bint _is_v4(const uint8_t *bytes) noexcept nogil:
    return _number64(bytes) == 0 and _number32(bytes + 8) == 0xFFFF


cdef inline bint _is_v4_network(const ip_network_t *network) noexcept nogil:
    return network.bits >= MAPPED_BITS and _is_v4(network.bytes)


cdef inline uint64_t _host_mask(unsigned bits) noexcept nogil:
    """The bits of 64 that are free in a network of `bits`."""
    return 0 if bits >= 64 else <uint64_t>-1 >> bits


cdef inline bint _less(const ip_edge_t *a, const ip_edge_t *b) noexcept nogil:
    return a.high < b.high or (a.high == b.high and a.low < b.low)


cdef int _order_v4(const void *a, const void *b) noexcept nogil:
    cdef uint32_t x = (<const uint32_t *>a)[0], y = (<const uint32_t *>b)[0]
    return <int>(x > y) - <int>(x < y)


cdef int _order_v6(const void *a, const void *b) noexcept nogil:
    cdef const ip_edge_t *x = <const ip_edge_t *>a
    cdef const ip_edge_t *y = <const ip_edge_t *>b
    return <int>_less(y, x) - <int>_less(x, y)


cdef uint32_t _join_v4(uint32_t *ranges, uint32_t n) noexcept nogil:
    """Ranges (first, last) sorted by their first become edges, in place; how many of them."""
    cdef uint32_t i, n_edges = 0, last
    if n == 0:
        return 0
    last = ranges[1]
    n_edges = 1                     # the first range begins where it did
    for i in range(1, n):
        if last == <uint32_t>-1:
            return n_edges
        if ranges[2 * i] > last + 1:
            ranges[n_edges] = last + 1
            ranges[n_edges + 1] = ranges[2 * i]
            n_edges += 2
            last = ranges[2 * i + 1]
        elif ranges[2 * i + 1] > last:
            last = ranges[2 * i + 1]
    if last == <uint32_t>-1:
        return n_edges
    ranges[n_edges] = last + 1
    return n_edges + 1


cdef inline bint _is_last(const ip_edge_t *address) noexcept nogil:
    return address.high == <uint64_t>-1 and address.low == <uint64_t>-1


cdef inline ip_edge_t _after(const ip_edge_t *address) noexcept nogil:
    cdef ip_edge_t next
    next.low = address.low + 1
    next.high = address.high + (next.low == 0)
    return next


cdef uint32_t _join_v6(ip_edge_t *ranges, uint32_t n) noexcept nogil:
    cdef uint32_t i, n_edges = 0
    cdef ip_edge_t last, after
    if n == 0:
        return 0
    last = ranges[1]
    n_edges = 1
    for i in range(1, n):
        if _is_last(&last):
            return n_edges
        after = _after(&last)
        if _less(&after, &ranges[2 * i]):
            last = ranges[2 * i + 1]
            ranges[n_edges + 1] = ranges[2 * i]
            ranges[n_edges] = after
            n_edges += 2
        elif _less(&last, &ranges[2 * i + 1]):
            last = ranges[2 * i + 1]
    if _is_last(&last):
        return n_edges
    ranges[n_edges] = _after(&last)
    return n_edges + 1


cdef status_t ip_set_build(ip_set_t *set, arena_t *arena, const ip_network_t *networks, uint32_t n_networks) noexcept nogil:
    cdef uint32_t i, n_v4 = 0, at_v4 = 0, at_v6 = 0
    cdef uint32_t *v4
    cdef ip_edge_t *v6
    cdef ip_edge_t *edge
    cdef uint64_t free
    for i in range(n_networks):
        if networks[i].bits > 128:
            return MALFORMED
        if _is_v4_network(&networks[i]):
            n_v4 += 1
    v4 = <uint32_t *>arena_take(arena, 2 * <size_t>n_v4 * sizeof(uint32_t))
    v6 = <ip_edge_t *>arena_take(arena, 2 * <size_t>(n_networks - n_v4) * sizeof(ip_edge_t))
    if v4 == NULL or v6 == NULL:
        return NO_MEMORY
    for i in range(n_networks):
        if _is_v4_network(&networks[i]):
            free = _host_mask(networks[i].bits - 64)
            v4[at_v4] = _number32(networks[i].bytes + 12) & ~<uint32_t>free
            v4[at_v4 + 1] = v4[at_v4] | <uint32_t>free
            at_v4 += 2
        else:
            edge = &v6[at_v6]
            free = _host_mask(networks[i].bits)
            edge[0].high = _number64(networks[i].bytes) & ~free
            edge[1].high = edge[0].high | free
            free = _host_mask(networks[i].bits - 64 if networks[i].bits > 64 else 0)
            edge[0].low = _number64(networks[i].bytes + 8) & ~free
            edge[1].low = edge[0].low | free
            at_v6 += 2
    qsort(v4, n_v4, 2 * sizeof(uint32_t), _order_v4)
    qsort(v6, n_networks - n_v4, 2 * sizeof(ip_edge_t), _order_v6)
    set.edges_v4 = v4
    set.edges_v6 = v6
    set.n_edges_v4 = _join_v4(v4, n_v4)
    set.n_edges_v6 = _join_v6(v6, n_networks - n_v4)
    return OK


cdef inline bint _has_v4(const uint32_t *edges, uint32_t n, uint32_t address) noexcept nogil:
    cdef uint32_t at = 0, half
    if n == 0:
        return False
    while n > 1:
        half = n >> 1
        at += half & (0 - <uint32_t>(edges[at + half] <= address))
        n -= half
    return (at + <uint32_t>(edges[at] <= address)) & 1


cdef inline bint _has_v6(const ip_edge_t *edges, uint32_t n, ip_edge_t address) noexcept nogil:
    cdef uint32_t at = 0, half, is_past
    cdef const ip_edge_t *edge
    if n == 0:
        return False
    while n > 1:
        half = n >> 1
        edge = &edges[at + half]
        is_past = <uint32_t>(edge.high < address.high) | (<uint32_t>(edge.high == address.high) & <uint32_t>(edge.low <= address.low))
        at += half & (0 - is_past)
        n -= half
    return (at + <uint32_t>(not _less(&address, &edges[at]))) & 1


cdef bint ip_set_has(const ip_set_t *set, const uint8_t *address) noexcept nogil:
    cdef ip_edge_t number
    if _is_v4(address):
        return _has_v4(set.edges_v4, set.n_edges_v4, _number32(address + 12))
    number.high = _number64(address)
    number.low = _number64(address + 8)
    return _has_v6(set.edges_v6, set.n_edges_v6, number)

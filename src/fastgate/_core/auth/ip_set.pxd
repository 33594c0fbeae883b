"""A set of IPv4 and IPv6 networks, built once: is an address in one of them?

Addresses are 16 bytes, IPv4 as ::ffff:a.b.c.d, as `net/address.pxd` holds them. The families are apart, as
in Kong: ::/0 has no IPv4 address; a network within ::ffff:0:0/96 is one of IPv4.

A peer on a Unix socket has no address, and its 16 zero bytes are those of `::`. Whoever asks looks at
`is_unix` first and decides for itself: "in no set" would let it past a list of denied networks.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.status cimport status_t


cdef struct ip_network_t:
    # A value; `bits` counts from the 128-bit form (IPv4 /8 is 104). Bits of the host do not matter.
    uint8_t bytes[16]
    uint8_t bits


cdef struct ip_edge_t:
    # A value: an IPv6 address as a number.
    uint64_t high
    uint64_t low


cdef struct ip_set_t:
    # Owner: the plugin's configuration; the edges are in its snapshot's arena and die with it.
    # Read-only after build, any thread.
    # Edges are ascending: at one with an even index the set begins, at one with an odd index it has ended.
    const uint32_t *edges_v4
    const ip_edge_t *edges_v6
    uint32_t n_edges_v4
    uint32_t n_edges_v6


# Networks may overlap and repeat, in any order. OK, NO_MEMORY, or MALFORMED: more than 128 bits.
cdef status_t ip_set_build(ip_set_t *set, arena_t *arena, const ip_network_t *networks, uint32_t n_networks) noexcept nogil
cdef bint ip_set_has(const ip_set_t *set, const uint8_t *address) noexcept nogil     # of 16 bytes

"""Hosts of routes to path trees: one hash table for whole names and for both kinds of wildcards."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.hash cimport hash_bytes
from fastgate._core.base.span cimport span_eq, span_of, span_t
from fastgate._core.base.status cimport status_t


cdef enum:
    ROOT_NONE = 0xffffffff


cdef enum host_kind_t:
    HOST_WHOLE = 0                  # example.com
    HOST_SUFFIX = 1                 # *.example.com, kept as ".example.com"
    HOST_PREFIX = 2                 # example.*, kept as "example."
    HOST_KINDS = 3


cdef struct host_entry_t:
    # Owner: a router's arena. Read-only after build, any thread.
    const char *name
    uint32_t root                   # of the tree in the router's path_tree_t
    uint16_t len
    uint16_t port                   # 0: any
    uint8_t kind
    uint8_t is_taken


cdef struct host_table_t:
    # Owner: a router. Read-only after build, any thread.
    host_entry_t *entries           # open addressing, at most half full
    uint64_t mask
    uint16_t shortest[HOST_KINDS]   # names of that kind; shortest > longest: there are none
    uint16_t longest[HOST_KINDS]
    uint8_t has_ports
    uint8_t has_portless


# Copies `hosts`; names are lower case and in the arena, no two hosts are alike. OK or NO_MEMORY.
cdef status_t host_table_build(host_table_t *table, arena_t *arena, const host_entry_t *hosts, uint32_t n_hosts) noexcept nogil


cdef inline uint64_t host_hash(span_t name, host_kind_t kind, uint16_t port) noexcept nogil:
    return hash_bytes(name.at, name.len, <uint64_t>port << 8 | <uint64_t>kind)


cdef inline uint32_t host_find(const host_table_t *table, span_t name, host_kind_t kind, uint16_t port) noexcept nogil:
    """The root of the tree for exactly this name, kind and port; ROOT_NONE: there is none."""
    cdef uint64_t i
    cdef const host_entry_t *entry
    if name.len < table.shortest[<int>kind] or name.len > table.longest[<int>kind]:
        return ROOT_NONE
    i = host_hash(name, kind, port) & table.mask
    while table.entries[i].is_taken:
        entry = &table.entries[i]
        if entry.port == port and entry.kind == <uint8_t>kind and span_eq(span_of(entry.name, entry.len), name):
            return entry.root
        i = (i + 1) & table.mask
    return ROOT_NONE

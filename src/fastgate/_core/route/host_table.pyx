"""Building the host table."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_take, arena_t
from fastgate._core.base.span cimport span_of
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t


cdef status_t host_table_build(host_table_t *table, arena_t *arena, const host_entry_t *hosts, uint32_t n_hosts) noexcept nogil:
    cdef uint64_t size = 2, at
    cdef uint32_t i
    cdef int kind
    while size < 2 * <uint64_t>n_hosts:
        size *= 2
    table.entries = <host_entry_t *>arena_take(arena, <size_t>size * sizeof(host_entry_t))
    if table.entries == NULL:
        return NO_MEMORY
    table.mask = size - 1
    table.has_ports = False
    table.has_portless = False
    for kind in range(<int>HOST_KINDS):
        table.shortest[kind] = <uint16_t>-1
        table.longest[kind] = 0
    for i in range(n_hosts):
        kind = hosts[i].kind
        table.shortest[kind] = min(table.shortest[kind], hosts[i].len)
        table.longest[kind] = max(table.longest[kind], hosts[i].len)
        if hosts[i].port:
            table.has_ports = True
        else:
            table.has_portless = True
        at = host_hash(span_of(hosts[i].name, hosts[i].len), <host_kind_t>kind, hosts[i].port) & table.mask
        while table.entries[at].is_taken:
            at = (at + 1) & table.mask
        table.entries[at] = hosts[i]
        table.entries[at].is_taken = True
    return OK

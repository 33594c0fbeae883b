"""Reading and changing the bans: on the control thread, while reactors judge by the same table."""

import os
from typing import NamedTuple

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.clock cimport clock_ns
from fastgate._core.base.status cimport OK
from fastgate._core.guard.score cimport visitor_t
from fastgate._core.guard.table cimport (
    GUARD_WAYS,
    guard_ban,
    guard_bans,
    guard_bans_made,
    guard_changes,
    guard_close,
    guard_lift,
    guard_network,
    guard_open,
    guard_told,
)


class Ban(NamedTuple):
    """One ban. Times are of time.monotonic_ns."""

    address: bytes      # 16 of them: IPv4 as ::ffff:a.b.c.d, IPv6 with the last 64 bits 0
    until_ns: int
    score: int          # that led to it; 0: somebody banned it by hand, or Redis did
    is_new: bool        # Redis has not been told
    is_shared: bool     # Redis has it


cdef class Bans:
    """Owner: Gateway.

    Args:
        capacity: addresses known at a time, at least; rounded up to a power of two of buckets.

    Raises:
        MemoryError
    """

    def __cinit__(self, uint32_t capacity):
        if guard_open(&self.table, capacity, int.from_bytes(os.urandom(8), "little"),
                      int.from_bytes(os.urandom(8), "little")) != OK:
            raise MemoryError("no memory for limits.visitors")

    def __dealloc__(self):
        guard_close(&self.table)

    def read(self) -> list:
        """All bans in force, in no order: a list of Ban."""
        cdef visitor_t ways[GUARD_WAYS]
        cdef uint64_t now_ns = clock_ns()
        cdef uint32_t bucket, i, n
        cdef list found = []
        for bucket in range(self.table.n_buckets):
            n = guard_bans(&self.table, bucket, now_ns, ways)
            for i in range(n):
                found.append(Ban(<bytes>ways[i].address[:16], ways[i].until_ns, ways[i].score, bool(ways[i].is_new),
                                 bool(ways[i].is_shared)))
        return found

    def add(self, bytes address not None, uint64_t until_ns, bint is_shared=False) -> None:
        """Bans 16 bytes of address, or its /64, instead of any ban it has. is_shared: Redis has it already."""
        cdef uint8_t network[16]
        _read_network(address, network)
        guard_ban(&self.table, network, until_ns, is_shared, clock_ns())

    def lift(self, bytes address not None) -> bool:
        """Forgets the ban and what led to it. False: there was none."""
        cdef uint8_t network[16]
        _read_network(address, network)
        return guard_lift(&self.table, network, clock_ns())

    def told(self, ban) -> None:
        """Redis has this one now."""
        cdef uint8_t network[16]
        _read_network(ban.address, network)
        guard_told(&self.table, network, ban.until_ns)

    def made(self) -> int:
        """Bans that a score led to, ever."""
        return guard_bans_made(&self.table)

    def changes(self) -> int:
        """As at another time: `read` gives what it gave then, without those that have ended since."""
        return guard_changes(&self.table)

    def network(self, bytes address not None) -> bytes:
        """What a ban of these 16 bytes of address is for: itself, or the first address of its /64."""
        cdef uint8_t network[16]
        _read_network(address, network)
        return <bytes>network[:16]


cdef int _read_network(bytes address, uint8_t *network_out) except -1:
    if len(address) != 16:
        raise ValueError(f"{len(address)} bytes; an address has 16")
    guard_network(<const uint8_t *><const char *>address, network_out)
    return 0

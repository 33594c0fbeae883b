"""A bounded table of visitors and bans by address, shared by all reactors.

Places in buckets of WAYS, found by a keyed hash of the address: a full bucket gives the place of who
has not been seen for longest, and a ban's only when all in it are bans: that of the one which ends
first. So a flood of addresses displaces itself, not the bans. An IPv6 address stands for its /64: who has one
address of it has them all.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.guard.score cimport guard_rules_t, visit_t, visitor_t


cdef enum:
    GUARD_WAYS = 8


cdef struct guard_lock_t:
    # Part of its table; a cache line.
    uint32_t lock
    # under lock, and read by others: atomic
    uint32_t bans_made              # ever, by a score
    uint32_t changes                # of bans ever: made, told, lifted, displaced; ends by themselves are none
    uint32_t padding[13]


cdef struct guard_table_t:
    # Owner: the gate, before any reactor runs; closed when none does any more.
    # read-only after build
    visitor_t *visitors
    guard_lock_t *locks
    void *block
    uint32_t n_buckets              # a power of two
    uint32_t n_locks                # a power of two
    uint64_t bytes
    uint64_t seed[2]


cdef enum guard_verdict_t:
    GUARD_PASS
    GUARD_SUSPECT                   # over the threshold, of dry rules
    GUARD_NEW_BAN
    GUARD_BANNED


cdef status_t guard_open(guard_table_t *table, uint32_t capacity, uint64_t seed_0, uint64_t seed_1) noexcept nogil  # NO_MEMORY
cdef void guard_close(guard_table_t *table) noexcept nogil
cdef void guard_network(const uint8_t *address, uint8_t *network_out) noexcept nogil   # 16 bytes: itself, or the /64

# `network`: what guard_network gave.
cdef guard_verdict_t guard_judge(guard_table_t *table, const guard_rules_t *rules, const visit_t *visit,
                                 const uint8_t *network, uint64_t now_ns) noexcept nogil
cdef void guard_miss(guard_table_t *table, const guard_rules_t *rules, const uint8_t *network, uint64_t now_ns) noexcept nogil

# Control thread.
cdef void guard_ban(guard_table_t *table, const uint8_t *network, uint64_t until_ns, bint is_shared, uint64_t now_ns) noexcept nogil
cdef bint guard_lift(guard_table_t *table, const uint8_t *network, uint64_t now_ns) noexcept nogil  # and forgets its behaviour; False: it was not banned
cdef uint32_t guard_bans(guard_table_t *table, uint32_t bucket, uint64_t now_ns, visitor_t *bans_out) noexcept nogil  # of one bucket, GUARD_WAYS at most
cdef void guard_told(guard_table_t *table, const uint8_t *network, uint64_t until_ns) noexcept nogil    # Redis has that ban now
cdef uint32_t guard_bans_made(guard_table_t *table) noexcept nogil
cdef uint32_t guard_changes(guard_table_t *table) noexcept nogil    # as it was before: so are the bans, but for those that ended

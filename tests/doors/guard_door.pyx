"""Test door of `_core/guard`: the table of visitors and bans, callable from Python. Never shipped."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from fastgate._core.base.status cimport OK
from fastgate._core.guard.score cimport guard_rules_t, score_miss, score_visit, visit_t, visitor_t
from fastgate._core.guard.table cimport (
    GUARD_WAYS, guard_ban, guard_bans, guard_bans_made, guard_changes, guard_close, guard_judge, guard_lift, guard_miss,
    guard_network, guard_open, guard_table_t, guard_told,
)

WAYS = GUARD_WAYS
VERDICTS = ("pass", "suspect", "new ban", "banned")


cdef class Rules:
    cdef guard_rules_t rules

    def __init__(self, **given):
        names = {"owner": 1, "window_ns": 10**10, "ban_ns": 10**10, "threshold": 100, "requests": 10, "paths": 10, "misses": 10,
                 "sequence": 10, "agents": 10, "rate_weight": 0, "spread_weight": 0, "probe_weight": 0, "miss_weight": 0,
                 "sequence_weight": 0, "agent_weight": 0, "is_dry": False} | given
        self.rules.owner = names["owner"]
        self.rules.window_ns = names["window_ns"]
        self.rules.ban_ns = names["ban_ns"]
        self.rules.threshold = names["threshold"]
        self.rules.requests = names["requests"]
        self.rules.paths = names["paths"]
        self.rules.misses = names["misses"]
        self.rules.sequence = names["sequence"]
        self.rules.agents = names["agents"]
        self.rules.rate_weight = names["rate_weight"]
        self.rules.spread_weight = names["spread_weight"]
        self.rules.probe_weight = names["probe_weight"]
        self.rules.miss_weight = names["miss_weight"]
        self.rules.sequence_weight = names["sequence_weight"]
        self.rules.agent_weight = names["agent_weight"]
        self.rules.is_dry = names["is_dry"]


cdef visit_t _visit(path_hash, number, agent, is_probe, is_odd):
    cdef visit_t visit
    memset(&visit, 0, sizeof(visit))
    visit.path_hash = path_hash
    visit.has_number = number is not None
    visit.number = number or 0
    visit.agent_hash = agent
    visit.is_probe = is_probe
    visit.is_odd_agent = is_odd
    return visit


cdef class Visitor:
    """One address's behaviour, scored."""
    cdef visitor_t visitor

    def visit(self, Rules rules, uint64_t now_ns, *, path=0, number=None, agent=1, is_probe=False, is_odd=False) -> int:
        cdef visit_t visit = _visit(path, number, agent, is_probe, is_odd)
        return score_visit(&self.visitor, &rules.rules, &visit, now_ns)

    def miss(self, Rules rules, uint64_t now_ns) -> None:
        score_miss(&self.visitor, &rules.rules, now_ns)


cdef class Table:
    cdef guard_table_t table

    def __init__(self, uint32_t capacity, uint64_t seed=1):
        if guard_open(&self.table, capacity, seed, seed) != OK:
            raise MemoryError

    def __dealloc__(self):
        guard_close(&self.table)

    @property
    def places(self):
        return self.table.n_buckets * GUARD_WAYS

    @property
    def made(self):
        return guard_bans_made(&self.table)

    @property
    def changes(self):
        return guard_changes(&self.table)

    def judge(self, Rules rules, bytes address, uint64_t now_ns, *, path=0, number=None, agent=1, is_probe=False,
              is_odd=False) -> str:
        cdef visit_t visit = _visit(path, number, agent, is_probe, is_odd)
        cdef const uint8_t *at = _address(address)
        return VERDICTS[<int>guard_judge(&self.table, &rules.rules, &visit, at, now_ns)]

    def judge_many(self, Rules rules, uint32_t first, uint32_t n, uint64_t now_ns) -> None:
        """So many different addresses, one request each; without the GIL."""
        cdef visit_t visit = _visit(0, None, 1, False, False)
        cdef uint8_t address[16]
        cdef uint32_t i
        memset(address, 0, 16)
        with nogil:
            for i in range(first, first + n):
                address[0] = 0x20
                address[4] = <uint8_t>(i >> 24)
                address[5] = <uint8_t>(i >> 16)
                address[6] = <uint8_t>(i >> 8)
                address[7] = <uint8_t>i
                guard_judge(&self.table, &rules.rules, &visit, address, now_ns)

    def miss(self, Rules rules, bytes address, uint64_t now_ns) -> None:
        guard_miss(&self.table, &rules.rules, _address(address), now_ns)

    def ban(self, bytes address, uint64_t until_ns, bint is_shared, uint64_t now_ns) -> None:
        guard_ban(&self.table, _address(address), until_ns, is_shared, now_ns)

    def lift(self, bytes address, uint64_t now_ns) -> bool:
        return guard_lift(&self.table, _address(address), now_ns)

    def told(self, bytes address, uint64_t until_ns) -> None:
        guard_told(&self.table, _address(address), until_ns)

    def bans(self, uint64_t now_ns) -> dict:
        """Address → (until_ns, score, is_new, is_shared)."""
        cdef visitor_t ways[GUARD_WAYS]
        cdef uint32_t bucket, i, n
        found = {}
        for bucket in range(self.table.n_buckets):
            n = guard_bans(&self.table, bucket, now_ns, ways)
            for i in range(n):
                found[<bytes>ways[i].address[:16]] = (
                    ways[i].until_ns, ways[i].score, bool(ways[i].is_new), bool(ways[i].is_shared))
        return found


cdef const uint8_t *_address(bytes address) except NULL:
    if len(address) != 16:
        raise ValueError(len(address))
    return <const uint8_t *><const char *>address


def network(bytes address):
    cdef uint8_t found[16]
    guard_network(_address(address), found)
    return <bytes>found[:16]

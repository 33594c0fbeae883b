"""Test door of `_core/limit`: rules, tables and decisions, callable from Python. Never shipped."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memset

from fastgate._core.base.atomics cimport atomic_add_u32, atomic_load_u32, atomic_store_u32
from fastgate._core.base.hash cimport hash_mix
from fastgate._core.base.spinlock cimport spin_lock, spin_unlock
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.limit.limiter cimport limit_decide, limit_release, limit_result_t
from fastgate._core.limit.rule cimport (
    LIMIT_CONCURRENCY, LIMIT_FIXED_WINDOW, LIMIT_GCRA, LIMIT_LEAKY_BUCKET, LIMIT_SLIDING_WINDOW,
    limit_algorithm_t, limit_rule_prepare, limit_rule_t,
)
from fastgate._core.limit.share cimport limit_share_drop, limit_share_fetch, limit_share_learn
from fastgate._core.limit.sharing cimport LIMIT_SHARDS_MOST, limit_delta_t, limit_sharing_t
from fastgate._core.limit.table cimport (
    limit_key_t, limit_table_close, limit_table_evictions, limit_table_keys, limit_table_open, limit_table_share, limit_table_t,
)

ALGORITHMS = {
    "sliding-window": LIMIT_SLIDING_WINDOW, "fixed-window": LIMIT_FIXED_WINDOW, "token-bucket": LIMIT_GCRA,
    "leaky-bucket": LIMIT_LEAKY_BUCKET, "concurrency": LIMIT_CONCURRENCY,
}


cdef class Sharing:
    """What one gateway shares with others."""
    cdef limit_sharing_t sharing

    def __init__(self, uint32_t nodes=1, bint is_away=False, uint64_t interval_ns=100_000_000):
        self.reach(nodes, is_away, interval_ns)

    def reach(self, uint32_t nodes, bint is_away=False, uint64_t interval_ns=100_000_000):
        self.sharing.nodes = nodes
        self.sharing.is_away = is_away
        self.sharing.interval_ns = interval_ns

    @property
    def lost(self):
        return self.sharing.lost

    @property
    def listed(self):
        return self.sharing.n_listed


cdef class Rule:
    """windows: [(limit, period_ns[, burst])]"""
    cdef limit_rule_t rule
    cdef Sharing sharing

    def share(self, Sharing sharing):
        """All counts of this rule from now on; this rule."""
        self.sharing = sharing
        self.rule.sharing = &sharing.sharing
        return self

    def __init__(self, str algorithm, list windows, uint64_t max_delay_ns=0):
        cdef status_t status
        memset(&self.rule, 0, sizeof(self.rule))
        self.rule.algorithm = <limit_algorithm_t><int>ALGORITHMS[algorithm]
        self.rule.n_windows = len(windows)
        self.rule.max_delay_ns = max_delay_ns
        for i, (limit, period_ns, *burst) in enumerate(windows[:6]):
            self.rule.windows[i].limit = limit
            self.rule.windows[i].period_ns = period_ns
            self.rule.windows[i].burst = burst[0] if burst else 0
        status = limit_rule_prepare(&self.rule)
        if status != OK:
            raise ValueError(status)


cdef inline limit_key_t _key(uint64_t number) noexcept nogil:
    cdef limit_key_t key
    key.low = hash_mix(number)
    key.high = hash_mix(~number)
    return key


cdef class Witness


cdef class Table:
    cdef limit_table_t table

    def __init__(self, uint32_t capacity):
        cdef status_t status = limit_table_open(&self.table, capacity)
        if status != OK:
            raise ValueError(status)

    def __dealloc__(self):
        limit_table_close(&self.table)

    def share(self):
        """Room for shares; this table."""
        if limit_table_share(&self.table) != OK:
            raise MemoryError
        return self

    def fetch(self, Sharing sharing, uint64_t now_ns, uint32_t most=64):
        """One fetch after the other, of at most that many: (low, high, at_ns, period_ns, n)."""
        cdef limit_delta_t deltas[64]
        cdef uint32_t shard = 0
        cdef uint32_t i, n
        found = []
        while shard < LIMIT_SHARDS_MOST:
            with nogil:
                n = limit_share_fetch(&self.table, &sharing.sharing, &shard, now_ns, deltas, most)
            for i in range(n):
                found.append((deltas[i].low, deltas[i].high, deltas[i].at_ns, deltas[i].period_ns, deltas[i].n))
        return found

    def learn(self, tuple delta, uint64_t total, uint64_t now_ns):
        cdef limit_delta_t c_delta
        c_delta.low, c_delta.high, c_delta.at_ns, c_delta.period_ns, c_delta.n = delta
        with nogil:
            limit_share_learn(&self.table, &c_delta, total, now_ns)

    def drop(self, tuple delta):
        cdef limit_delta_t c_delta
        c_delta.low, c_delta.high, c_delta.at_ns, c_delta.period_ns, c_delta.n = delta
        with nogil:
            limit_share_drop(&self.table, &c_delta)

    @property
    def keys(self):
        return limit_table_keys(&self.table)

    @property
    def evictions(self):
        return limit_table_evictions(&self.table)

    @property
    def bytes(self):
        return self.table.bytes

    def decide(self, Rule rule, uint64_t number, uint64_t now_ns, uint32_t cost=1):
        """The result as a dict; the status if it is not OK."""
        cdef limit_key_t key = _key(number)
        cdef limit_result_t result
        cdef status_t status
        with nogil:
            status = limit_decide(&self.table, &rule.rule, &key, now_ns, cost, &result)
        if status != OK:
            return <int>status
        return {
            "admitted": bool(result.admitted), "delay_ns": result.delay_ns, "retry_after_s": result.retry_after_s,
            "tightest": result.tightest,
            "windows": [(result.windows[i].limit, result.windows[i].remaining, result.windows[i].reset_s)
                        for i in range(result.n_windows)],
        }

    def release(self, uint64_t number, uint32_t cost=1):
        cdef limit_key_t key = _key(number)
        with nogil:
            limit_release(&self.table, &key, cost)

    def repeat(self, Rule rule, uint64_t number, uint64_t now_ns, uint32_t times, uint64_t step_ns=0):
        """So many decisions without the GIL, `step_ns` apart: how many were admitted."""
        cdef limit_key_t key = _key(number)
        cdef limit_result_t result
        cdef uint32_t i, admitted = 0
        with nogil:
            for i in range(times):
                limit_decide(&self.table, &rule.rule, &key, now_ns + i * step_ns, 1, &result)
                admitted += result.admitted
        return admitted

    def hold_and_release(self, Rule rule, uint64_t number, uint32_t times, Witness witness):
        """Takes and gives back, without the GIL: how often it was let in. The witness counts who is in."""
        cdef limit_key_t key = _key(number)
        cdef limit_result_t result
        cdef uint32_t i, inside, admitted = 0
        with nogil:
            for i in range(times):
                limit_decide(&self.table, &rule.rule, &key, 0, 1, &result)
                if not result.admitted:
                    continue
                admitted += 1
                inside = atomic_add_u32(&witness.inside, 1) + 1
                if inside > atomic_load_u32(&witness.most):
                    spin_lock(&witness.lock)
                    if inside > witness.most:
                        atomic_store_u32(&witness.most, inside)
                    spin_unlock(&witness.lock)
                atomic_add_u32(&witness.inside, <uint32_t>-1)
                limit_release(&self.table, &key, 1)
        return admitted

    def walk(self, Rule rule, uint64_t first, uint32_t n, uint64_t now_ns, uint32_t passes=1):
        """One decision for each of n keys in a row, `passes` times: how many were admitted."""
        cdef limit_key_t key
        cdef limit_result_t result
        cdef uint32_t i, p, admitted = 0
        with nogil:
            for p in range(passes):
                for i in range(n):
                    key = _key(first + i)
                    limit_decide(&self.table, &rule.rule, &key, now_ns, 1, &result)
                    admitted += result.admitted
        return admitted


cdef class Witness:
    """How many are inside, and were at most: counted by the threads themselves. Also a lock's guarded number."""
    cdef uint32_t inside
    cdef public uint32_t most
    cdef uint32_t lock
    cdef public uint64_t guarded

    def add_under_lock(self, uint32_t times):
        """Plain, unatomic additions: only the lock keeps them whole."""
        cdef uint32_t i
        with nogil:
            for i in range(times):
                spin_lock(&self.lock)
                self.guarded += 1
                spin_unlock(&self.lock)

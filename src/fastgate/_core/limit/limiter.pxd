"""The decision: does this request fit, counted in the same step.

All windows of a rule are decided under the lock of the key's shard: either each counts the request
or none does. So under any concurrency never one over.

Where a rule changes (reload): a key's counts stay and are held against the new limits. Sliding and
fixed windows share their state, gcra and leaky bucket theirs; between the two, and for concurrency,
a key starts afresh.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.limit.rule cimport limit_rule_t
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS
from fastgate._core.limit.table cimport limit_key_t, limit_table_t


cdef struct limit_window_result_t:
    # Part of its result.
    uint32_t limit                  # the rule's
    uint32_t remaining              # how many more of cost 1 would be admitted now
    uint32_t reset_s                # rounded up: until the window ends, or bucket and queue are empty


cdef struct limit_result_t:
    # A value of the caller's.
    bint admitted
    uint32_t n_windows
    uint32_t tightest               # the window with the least remaining; among equals, the longest
    uint32_t retry_after_s          # refused: rounded up, at least 1; admitted: 0
    uint64_t delay_ns               # leaky bucket, admitted: to wait before going on
    limit_window_result_t windows[LIMIT_WINDOWS]


# May this request, of that cost (0: only look), go on? `now_wall_ns` is wall time. The answer is in
# `result_out` when the status is OK. NO_MEMORY: no entry could be had, as all of the key's shard
# have holders; nothing was counted, and the result says refused, with no windows.
cdef status_t limit_decide(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key,
                           uint64_t now_wall_ns, uint32_t cost, limit_result_t *result_out) noexcept nogil
# What it would say of a request of cost 1 that somebody else decides; the result's remaining is before it, and admitted
# means nothing.
cdef void limit_look(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key, uint64_t now_wall_ns,
                     limit_result_t *result_out) noexcept nogil
# Sliding and fixed windows: all gateways' counts as of `now_wall_ns`, for each window its own and the one before's.
cdef void limit_know(limit_table_t *table, const limit_rule_t *rule, const limit_key_t *key, uint64_t now_wall_ns,
                     const uint32_t *counts) noexcept nogil
# Concurrency only, once for each admission, with its cost. Needs no rule: the one that admitted may be gone.
cdef void limit_release(limit_table_t *table, const limit_key_t *key, uint32_t cost) noexcept nogil

"""Counts shared between gateways: noted with the decision, fetched, acknowledged.

What this keeps. While the totals come back, a gateway goes over a limit by no more than what the others admit
in the time until it hears of it; it holds itself back by how busy they were (`spread`, `recent`), so that in
steady overload the sum stays close to the limit. While they do not (`is_away`), it admits from then on its share
of what was left, limit / nodes of a new window, but one at least.
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.limit.rule cimport limit_rule_t
from fastgate._core.limit.sharing cimport limit_delta_t, limit_sharing_t
from fastgate._core.limit.table cimport limit_entry_t, limit_shard_t, limit_table_t


# Beside the decision. How many more to take as counted in window i; after window_roll.
cdef uint64_t limit_share_reserve_locked(limit_shard_t *shard, limit_entry_t *entry, const limit_rule_t *rule, uint32_t i,
                                         uint64_t now_ns, uint32_t cost) noexcept nogil
# Admitted: all windows of the rule have counted `cost`.
cdef void limit_share_count_locked(limit_table_t *table, limit_shard_t *shard, limit_entry_t *entry, const limit_rule_t *rule,
                                   uint32_t cost) noexcept nogil

# Control thread. Up to `most` deltas, each for the caller to bring back by limit_share_learn; how many.
# `shard`: where to go on, from 0; LIMIT_SHARDS_MOST: all were seen.
cdef uint32_t limit_share_fetch(limit_table_t *table, limit_sharing_t *sharing, uint32_t *shard, uint64_t now_wall_ns,
                                limit_delta_t *deltas_out, uint32_t most) noexcept nogil
# The total of a window, which has our delta in it.
cdef void limit_share_learn(limit_table_t *table, const limit_delta_t *delta, uint64_t total, uint64_t now_wall_ns) noexcept nogil
# The delta is too old to be told.
cdef void limit_share_drop(limit_table_t *table, const limit_delta_t *delta) noexcept nogil

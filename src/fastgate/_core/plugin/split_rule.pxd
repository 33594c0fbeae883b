"""Rules of traffic-split: which of them is for a request."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.split_share cimport share_set_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.route.pattern cimport pattern_t
from fastgate._core.snapshot.plugin cimport consumer_t
from fastgate._core.snapshot.snapshot cimport service_t, snapshot_t


cdef enum split_subject_t:
    SPLIT_HEADER
    SPLIT_COOKIE
    SPLIT_QUERY
    SPLIT_PATH
    SPLIT_CONSUMER
    SPLIT_GROUP


cdef struct split_condition_t:
    # Part of its rule. Read-only after build. Holds if one of the last three holds something that fits.
    split_subject_t subject
    span_t name                 # of a header, cookie or argument
    bint is_any                 # that there is one is enough
    span_t *texts               # whole values; groups
    uint32_t n_texts
    span_t *prefixes
    uint32_t n_prefixes
    const consumer_t **consumers
    uint32_t n_consumers
    pattern_t *patterns


cdef struct split_t:
    # Part of its rule. Read-only after build.
    const service_t *service    # NULL: the route's own
    bint is_upstream            # of `service` only what an upstream says; the rest is the route's own
    uint32_t label              # whose series its requests count in: split_series_t


cdef struct split_rule_t:
    # Owner: the snapshot's arena. Read-only after build.
    split_condition_t *conditions       # all must hold
    uint32_t n_conditions
    split_t *splits
    share_set_t shares                  # by place in `splits`


cdef bint split_rule_fits(const split_rule_t *rule, exchange_t *exchange) noexcept nogil
# `consumers`: id -> place in snapshot.consumers. Patterns are closed with split_rule_close. Raises SnapshotError.
cdef int split_conditions_build(split_rule_t *rule, snapshot_t *snapshot, list match, dict consumers) except -1
cdef void split_rule_close(split_rule_t *rule) noexcept nogil

"""rate-limiting: how often, and how many at a time, each caller may call (Kong's plugin of that name)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.limit.rule cimport limit_rule_t
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS
from fastgate._core.plugin.rate_ask cimport rate_asks_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef enum identity_t:
    # What calls are told apart by. Parts of the keys' seeds: two kinds with the same text share no counter.
    IDENTITY_CONSUMER
    IDENTITY_CREDENTIAL
    IDENTITY_IP
    IDENTITY_SERVICE
    IDENTITY_HEADER
    IDENTITY_PATH
    IDENTITY_COUNT


cdef struct rate_fields_t:
    # Part of rate_limiting_t: the answer's fields about one limit, as text up to what remains. Read-only after build.
    span_t lines                    # "X-RateLimit-Limit-Minute: 60\r\nX-RateLimit-Remaining-Minute: "
    span_t tightest_lines           # "\r\nRateLimit-Limit: 60\r\nRateLimit-Remaining: ", where this is the tightest


cdef struct rate_limiting_t:
    # Owner: the snapshot's arena. Read-only after build.
    limit_rule_t windows            # n_windows 0: none
    limit_rule_t concurrency        # n_windows 0: none
    # The hash's key, of this plugin's id: the same after a reload, so its counters go on.
    uint64_t seeds[2]
    identity_t identities[IDENTITY_COUNT]
    unsigned n_identities
    uint8_t is_by_mark              # by consumer alone, counted here alone: the key is made of the consumer's mark
    span_t header_name
    span_t path
    unsigned status
    span_t message
    uint8_t hides_fields
    rate_asks_t *asks               # where each request asks; NULL: decided here
    uint64_t patience_ns            # for an answer
    uint8_t refuses_unknown         # fault_tolerant: false
    uint32_t text_bytes             # of all these fields, with the largest numbers, at most
    rate_fields_t window_fields[LIMIT_WINDOWS]
    rate_fields_t concurrency_fields


cdef int rate_limiting_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

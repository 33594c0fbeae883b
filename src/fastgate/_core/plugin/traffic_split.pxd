"""traffic-split: a request's service or upstream, chosen by rules and weights."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.split_rule cimport split_rule_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport hash_source_t, snapshot_t


cdef struct traffic_split_t:
    # Owner: the snapshot's arena. Read-only after build.
    split_rule_t *rules
    uint32_t n_rules
    hash_source_t hash_on           # HASH_NONE, HASH_CONSUMER, HASH_HEADER, HASH_COOKIE or HASH_IP
    span_t hash_name                # of a header or cookie
    span_t cookie_start             # "name=" of a cookie the gateway issues; empty: it issues none
    span_t cookie_end               # its attributes


cdef int traffic_split_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

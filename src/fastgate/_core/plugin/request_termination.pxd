"""request-termination: a fixed answer instead of the upstream's (Kong's plugin of that name)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct request_termination_t:
    # Owner: the snapshot's arena. Read-only after build.
    unsigned status
    span_t message
    span_t content_type
    span_t body                 # .at NULL: the message in Kong's form
    span_t trigger              # a request with this field or query argument only; empty: all
    span_t node                 # JSON: what the gateway is, for `echo`; .at NULL: no echo


cdef int request_termination_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

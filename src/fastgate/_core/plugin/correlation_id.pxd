"""correlation-id: an id in a field of the request, made where there is none (Kong's plugin of that name)."""

from libc.stdint cimport uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef enum generator_t:
    GENERATOR_UUID
    GENERATOR_COUNTER           # uuid#counter
    GENERATOR_TRACKER           # address-port-process-connection-request-time, the gateway's own address


cdef struct correlation_id_t:
    # Owner: the snapshot's arena. Read-only after build, but for `count`.
    span_t name
    generator_t generator
    char uuid[36]               # this load's, for uuid#counter
    # shared: atomic
    uint64_t count


cdef int correlation_id_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

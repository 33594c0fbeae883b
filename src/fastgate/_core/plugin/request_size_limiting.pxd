"""request-size-limiting: how large a request's body may be (Kong's plugin of that name)."""

from libc.stdint cimport uint8_t, uint64_t

from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct request_size_limiting_t:
    # Owner: the snapshot's arena. Read-only after build.
    uint64_t allowed_bytes
    uint8_t needs_length        # a body must say how long it is


cdef int request_size_limiting_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

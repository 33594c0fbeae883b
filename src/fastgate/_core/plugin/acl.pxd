"""acl: which groups of consumers may call (Kong's plugin of that name)."""

from libc.stdint cimport uint8_t, uint32_t

from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct acl_t:
    # Owner: the snapshot's arena. Read-only after build.
    span_t *groups              # sorted as bytes
    uint32_t n_groups
    uint8_t denies              # those groups; else it allows them
    uint8_t hides               # from the upstream, to which groups its consumer belongs


cdef int acl_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

"""ip-restriction: who may call, by address (Kong's plugin of that name)."""

from libc.stdint cimport uint8_t

from fastgate._core.auth.ip_set cimport ip_set_t
from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct ip_restriction_t:
    # Owner: the snapshot's arena. Read-only after build.
    ip_set_t allow
    ip_set_t deny
    uint8_t has_allow           # else all that is not denied
    unsigned status
    span_t message              # empty: Kong's, with the address


cdef int ip_restriction_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

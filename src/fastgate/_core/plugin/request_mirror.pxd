"""request-mirror: a copy of requests for another service."""

from libc.stdint cimport uint64_t

from fastgate._core.proxy.mirror cimport mirror_rule_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport service_t, snapshot_t


cdef struct request_mirror_t:
    # Owner: the snapshot's arena. Read-only after build.
    mirror_rule_t rule
    service_t target            # of an url
    uint64_t below              # a copy for a random number of 32 bits below this


cdef int request_mirror_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

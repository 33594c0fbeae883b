"""cors: tells browsers which other origins' pages may call (Fetch, section 3.2; Kong's plugin of that name)."""

from libc.stdint cimport uint8_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.origins cimport origins_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct cors_t:
    # Owner: the snapshot's arena. Read-only after build. Texts are whole field values; empty: no such field.
    origins_t origins
    span_t methods
    span_t headers              # empty: those asked for
    span_t exposed_headers
    span_t max_age
    uint8_t credentials
    uint8_t private_network
    uint8_t preflight_continue  # the upstream answers preflights, fields and all
    uint8_t allow_origin_absent


cdef int cors_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

"""redirect: answers with another place (Kong's plugin of that name)."""

from libc.stdint cimport uint8_t

from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct redirect_t:
    # Owner: the snapshot's arena. Read-only after build.
    unsigned status
    span_t location
    span_t origin               # of the location: scheme and authority
    span_t fragment             # of the location, with its "#"; empty: none
    uint8_t keeps_path          # the request's path and query take the place of the location's


cdef int redirect_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

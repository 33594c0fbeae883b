"""response-transformer: answers, the upstream's and the gateway's own: their fields, and members of JSON bodies (Kong's plugin of that name)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.edit cimport edits_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct response_transformer_t:
    # Owner: the snapshot's arena. Read-only after build.
    edits_t fields
    edits_t members             # of a body
    span_t *values              # of those, as JSON


cdef int response_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

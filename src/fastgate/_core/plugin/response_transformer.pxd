"""response-transformer: fields of answers, the upstream's and the gateway's own (Kong's plugin of that name)."""

from fastgate._core.plugin.edit cimport edits_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct response_transformer_t:
    # Owner: the snapshot's arena. Read-only after build.
    edits_t fields


cdef int response_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

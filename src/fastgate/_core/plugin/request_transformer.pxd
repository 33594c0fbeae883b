"""request-transformer: fields, arguments, body, path, Host and method for the service (Kong's plugin of that name).

All templates see the request as this plugin found it: none sees another's change. A value that its
templates leave empty is not added or appended; where it replaces, the replaced one is empty.
"""

from libc.stdint cimport uint8_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.edit cimport edits_t
from fastgate._core.plugin.template cimport template_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct request_transformer_t:
    # Owner: the snapshot's arena. Read-only after build.
    edits_t fields
    edits_t arguments
    edits_t form                # of a body, when it is a form; values encoded
    edits_t members             # the same edits, when it is a JSON object
    uint64_t body_bytes         # of a body that is changed
    template_t path
    span_t plain_path           # a path without templates, in normal form; empty: none
    const template_t *host      # of the edit that replaces Host; NULL: none does
    uint8_t method              # llhttp's number
    uint8_t has_method
    uint8_t has_path


cdef int request_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

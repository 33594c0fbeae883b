"""key-auth: a key in a header, the query or the body tells who calls (Kong's plugin of that name)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.authentication cimport authentication_t, credential_table_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct key_auth_t:
    # Owner: the snapshot's arena. Read-only after build.
    authentication_t authentication
    const credential_table_t *credentials
    span_t *names               # of headers and arguments, in the order they are asked
    span_t *hyphened            # the same with "-" for "_"; empty where there is none
    uint32_t n_names
    uint8_t in_header
    uint8_t in_query
    uint8_t in_body
    uint64_t body_bytes         # of a body that is looked at
    uint8_t hides               # the upstream does not see the key


cdef int key_auth_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

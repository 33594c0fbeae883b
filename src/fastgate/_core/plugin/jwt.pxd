"""jwt: a signed token tells who calls (Kong's plugin of that name)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.authentication cimport authentication_t, credential_table_t
from fastgate._core.plugin.jwt_rules cimport jwt_rules_t
from fastgate._core.plugin.jwt_source cimport jwt_source_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct jwt_plugin_t:
    # Owner: the snapshot's arena. Read-only after build.
    authentication_t authentication
    credential_table_t *credentials
    jwt_source_t source
    jwt_rules_t rules
    span_t challenge                # WWW-Authenticate when there was a token
    span_t no_name                  # texts with the name of the key claim
    span_t bad_name
    span_t unknown


cdef int jwt_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

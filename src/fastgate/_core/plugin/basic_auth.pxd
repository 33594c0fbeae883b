"""basic-auth: a user name and password tell who calls (Kong's plugin of that name; RFC 7617)."""

from libc.stdint cimport uint8_t

from fastgate._core.plugin.authentication cimport authentication_t, credential_table_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct basic_auth_t:
    # Owner: the snapshot's arena. Read-only after build.
    authentication_t authentication
    const credential_table_t *credentials   # secret: the SHA-1 of password and consumer's id, as Kong keeps it
    uint8_t hides                           # the upstream does not see the password


cdef int basic_auth_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

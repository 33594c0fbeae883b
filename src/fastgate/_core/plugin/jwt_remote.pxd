"""jwt with `jwks_uri`: keys that a server publishes, and which consumer a token's claim means."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.auth.jwt cimport jwt_t
from fastgate._core.auth.key_set cimport KEY_SET_ID_BYTES, key_set_t
from fastgate._core.auth.verify_key cimport verifier_t
from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.authentication cimport credential_t, credential_table_t
from fastgate._core.snapshot.snapshot cimport credentials_t, snapshot_t


cdef enum:
    JWT_NOBODY = 0xffffffff         # token_verdict_t.value: a good token, of no consumer


cdef struct jwt_remote_t:
    # Owner: the snapshot's arena. Read-only after build.
    uint8_t source[KEY_SET_ID_BYTES]    # of key_set_t.source
    span_t claim                        # its value is a consumer's …
    credentials_t by                    # … custom_id, user name or id
    uint8_t is_optional                 # a token of no consumer will do


cdef bytes jwt_remote_id(dict config)       # `source`: the URI, and who may vouch for it
cdef jwt_remote_t *jwt_remote_build(arena_t *arena, dict config) except NULL
cdef credential_table_t *jwt_remote_consumers(snapshot_t *snapshot, const jwt_remote_t *remote, dict config, dict context) except NULL

# SHA-256 over `settings` and the names of all consumers in their order.
cdef void jwt_remote_scope(const jwt_remote_t *remote, const credential_table_t *table, span_t settings, uint8_t *out) noexcept nogil
# That, and the keys of now: verdicts of other keys are not found under it.
cdef void jwt_remote_scope_now(const uint8_t *scope, const key_set_t *keys, uint8_t *out) noexcept nogil

# The signature, then the consumer: a jwt_refusal_t, or 0 and the place in the table's rows, or JWT_NOBODY.
cdef uint32_t jwt_remote_verify(const jwt_remote_t *remote, const credential_table_t *table, key_set_t *keys,
                                verifier_t *verifier, const jwt_t *jwt, uint64_t *value_out) noexcept nogil
cdef span_t jwt_remote_name(const jwt_remote_t *remote, const credential_t *credential) noexcept nogil

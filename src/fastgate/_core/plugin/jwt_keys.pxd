"""Keys of the jwt secrets, as libcrypto wants them: one set for all jwt plugins of a snapshot."""

from libc.stdint cimport uint8_t

from fastgate._core.auth.verify_key cimport verify_key_t
from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.authentication cimport credential_t, credential_table_t


cdef struct jwt_key_t:
    # credential_t.secret. Owner: the snapshot's arena; it holds references to the keys until jwt_keys_close.
    # Read-only after build.
    span_t name                 # what the key claim of its tokens is
    verify_key_t *key           # a public one is shared with other snapshots; NULL: published, found with each token
    verify_key_t *decoded       # of a secret that is base64; NULL: it is not, or no plugin asks for it


# Fills the table's secrets, once; the caller closes them in any case. SnapshotError: a key that is none.
cdef int jwt_keys_build(credential_table_t *table, arena_t *arena, dict context) except -1
cdef int jwt_keys_decode(credential_table_t *table, dict context) except -1     # `decoded`, for secret_is_base64
cdef void jwt_keys_close(credential_table_t *table) noexcept nogil

# SHA-256 over `settings` and everybody's key: another as soon as any token may be judged otherwise.
cdef void jwt_keys_scope(const credential_table_t *table, span_t settings, uint8_t *out) noexcept nogil

# A reference to the key for this algorithm; known ones are not read again. SnapshotError, naming `owner`: it is none.
cdef verify_key_t *jwt_public_key(str algorithm, bytes material, str owner) except NULL
cdef int jwt_keys_forget() except -1        # keys that nobody uses any more

cdef span_t jwt_key_name(const credential_t *credential) noexcept nogil
# NULL: a secret that should be base64 and is not. Public keys are never base64 once more.
cdef const verify_key_t *jwt_key_of(const credential_t *credential, bint is_base64) noexcept nogil

"""Making, finding and ending the keys of jwt secrets."""

import base64
import binascii

from libc.stdint cimport uint8_t, uint32_t

from fastgate._core.auth.algorithm cimport algorithm_of
from fastgate._core.auth.crypto cimport DIGEST_SHA256, digest_add, digest_end, digest_start, digest_t
from fastgate._core.auth.verify_key cimport VERIFY_FINGERPRINT_BYTES, verify_key_free, verify_key_new, verify_key_ref
from fastgate._core.base.span cimport span_of
from fastgate._core.plugin.authentication cimport credentials_of
from fastgate._core.snapshot.keep cimport keep_room, keep_text

from fastgate._core.bridge.errors import SnapshotError


cdef class KnownKey:
    """A reference to a public key, so that the next snapshot need not read it again: OpenSSL takes half a millisecond."""
    cdef verify_key_t *key

    def __dealloc__(self):
        verify_key_free(self.key)


cdef dict _known = {}           # (algorithm, PEM or DER) -> KnownKey


cdef int jwt_keys_forget() except -1:
    """Those that neither a snapshot nor a set of published keys holds."""
    cdef KnownKey known
    for name in list(_known):
        known = _known[name]
        if known.key.refs == 1:
            del _known[name]
    return 0


cdef verify_key_t *jwt_public_key(str algorithm, bytes material, str owner) except NULL:
    cdef tuple name = (algorithm, material)
    cdef KnownKey known = _known.get(name)
    if known is None:
        known = KnownKey()
        known.key = _key(algorithm, material, owner)
        _known[name] = known
    return verify_key_ref(known.key)


cdef verify_key_t *_key(str algorithm, bytes material, str owner) except NULL:
    cdef bytes name = algorithm.encode()
    cdef const char *problem = NULL
    cdef verify_key_t *key = verify_key_new(
        algorithm_of(span_of(<const char *>name, <size_t>len(name))),
        span_of(<const char *>material, <size_t>len(material)), &problem,
    )
    if key == NULL:
        raise SnapshotError(owner, "secret" if algorithm.startswith("HS") else "rsa_public_key", problem.decode())
    return key


cdef str _owner(dict credential):
    return f'jwt secret "{credential["key"]}"'


cdef int jwt_keys_build(credential_table_t *table, arena_t *arena, dict context) except -1:
    cdef jwt_key_t *row
    cdef uint32_t i
    for i, (_, credential) in enumerate(credentials_of("jwt_secrets", context)):
        row = <jwt_key_t *>keep_room(arena, sizeof(jwt_key_t))
        keep_text(arena, credential["key"], &row.name)
        table.rows[i].secret = row
        if credential["algorithm"].startswith("HS"):
            row.key = _key(credential["algorithm"], credential["secret"].encode(), _owner(credential))
        else:
            row.key = jwt_public_key(credential["algorithm"], credential["rsa_public_key"].encode(), _owner(credential))
    jwt_keys_forget()
    return 0


cdef bytes _decoded(str secret):
    """As Kong reads them: either alphabet, padded or not. Empty: no base64."""
    text = secret.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        return base64.b64decode(text + "=" * (3 - (len(text) + 3) % 4), validate=True)
    except (binascii.Error, ValueError):
        return b""


cdef int jwt_keys_decode(credential_table_t *table, dict context) except -1:
    cdef jwt_key_t *row
    cdef uint32_t i
    for i, (_, credential) in enumerate(credentials_of("jwt_secrets", context)):
        row = <jwt_key_t *>table.rows[i].secret
        if credential["algorithm"].startswith("HS") and row.decoded == NULL:
            material = _decoded(credential["secret"])
            if material:
                row.decoded = _key(credential["algorithm"], material, _owner(credential))
    return 0


cdef void jwt_keys_close(credential_table_t *table) noexcept nogil:
    cdef jwt_key_t *row
    cdef uint32_t i
    for i in range(table.n_rows):
        row = <jwt_key_t *>table.rows[i].secret
        if row != NULL:
            verify_key_free(row.key)
            verify_key_free(row.decoded)


cdef void _add(digest_t *digest, span_t text) noexcept nogil:
    """With its length first, so that no two lists of texts give the same bytes."""
    cdef uint32_t len = <uint32_t>text.len
    digest_add(digest, &len, sizeof(len))
    digest_add(digest, text.at, text.len)


cdef void jwt_keys_scope(const credential_table_t *table, span_t settings, uint8_t *out) noexcept nogil:
    cdef const jwt_key_t *row
    cdef digest_t digest
    cdef uint32_t i
    digest_start(&digest, DIGEST_SHA256)
    _add(&digest, settings)
    for i in range(table.n_rows):
        row = <const jwt_key_t *>table.rows[i].secret
        _add(&digest, row.name)
        digest_add(&digest, row.key.fingerprint, VERIFY_FINGERPRINT_BYTES)
    digest_end(&digest, out)


cdef span_t jwt_key_name(const credential_t *credential) noexcept nogil:
    return (<const jwt_key_t *>credential.secret).name


cdef const verify_key_t *jwt_key_of(const credential_t *credential, bint is_base64) noexcept nogil:
    cdef const jwt_key_t *row = <const jwt_key_t *>credential.secret
    return row.decoded if is_base64 and row.key.pkey == NULL else row.key

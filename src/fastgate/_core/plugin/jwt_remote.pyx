"""Tokens judged by published keys. What a token names is only looked up: neither its algorithm nor any key in it is taken."""

import json

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.auth.crypto cimport (
    DIGEST_SHA256,
    crypto_open,
    crypto_problem,
    digest_add,
    digest_end,
    digest_start,
    digest_t,
)
from fastgate._core.auth.json cimport JSON_STRING, json_find, json_member_t
from fastgate._core.auth.jwt cimport JWT_OK, jwt_claim, jwt_verify
from fastgate._core.auth.key_set cimport KEY_FOUND, KEY_OTHER_ALGORITHM, key_found_t, key_set_find, key_set_want
from fastgate._core.auth.token_cache cimport TOKEN_CACHE_SCOPE_BYTES
from fastgate._core.auth.verify_key cimport verify_key_t
from fastgate._core.base.span cimport span_none, span_of
from fastgate._core.base.status cimport OK
from fastgate._core.plugin.authentication cimport consumers_build, credential_find
from fastgate._core.plugin.jwt_rules cimport (
    JWT_REFUSED_BAD_NAME,
    JWT_REFUSED_NO_KEY,
    JWT_REFUSED_NO_NAME,
    JWT_REFUSED_OTHER_ALGORITHM,
    JWT_REFUSED_SIGNATURE,
    JWT_REFUSED_UNKNOWN,
)
from fastgate._core.snapshot.keep cimport keep_room, keep_text
from fastgate._core.snapshot.snapshot cimport CREDENTIALS_CUSTOM_ID, CREDENTIALS_ID, CREDENTIALS_USERNAME

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    SCOPE_WORDS = TOKEN_CACHE_SCOPE_BYTES // 8


# ---- a token

cdef uint32_t _verify(key_set_t *keys, verifier_t *verifier, const jwt_t *jwt) noexcept nogil:
    """The published key decides on the algorithm; `kid` only says which key."""
    cdef const json_member_t *kid = json_find(&jwt.header, span_of(b"kid", 3))
    cdef const verify_key_t *key = NULL
    cdef key_found_t found
    if kid != NULL and (kid.type != JSON_STRING or kid.value.len == 0):
        return JWT_REFUSED_NO_KEY
    found = key_set_find(keys, span_none() if kid == NULL else kid.value, jwt.algorithm, &key)
    if found == KEY_OTHER_ALGORITHM:
        return JWT_REFUSED_OTHER_ALGORITHM
    if found != KEY_FOUND:
        key_set_want(keys)
        return JWT_REFUSED_NO_KEY
    return 0 if jwt_verify(jwt, key, verifier) == JWT_OK else <uint32_t>JWT_REFUSED_SIGNATURE


cdef uint32_t jwt_remote_verify(const jwt_remote_t *remote, const credential_table_t *table, key_set_t *keys,
                                verifier_t *verifier, const jwt_t *jwt, uint64_t *value_out) noexcept nogil:
    cdef uint32_t refusal = _verify(keys, verifier, jwt)
    cdef const json_member_t *claim
    cdef const credential_t *credential = NULL
    if refusal:
        return refusal
    claim = jwt_claim(jwt, remote.claim)
    if claim != NULL and claim.type == JSON_STRING and claim.value.len:
        credential = credential_find(table, claim.value)
    if credential != NULL:
        value_out[0] = <uint64_t>(credential - table.rows)
        return 0
    if remote.is_optional:
        value_out[0] = JWT_NOBODY
        return 0
    if claim == NULL:
        return JWT_REFUSED_NO_NAME
    return JWT_REFUSED_UNKNOWN if claim.type == JSON_STRING and claim.value.len else JWT_REFUSED_BAD_NAME


cdef span_t jwt_remote_name(const jwt_remote_t *remote, const credential_t *credential) noexcept nogil:
    if remote.by == CREDENTIALS_CUSTOM_ID:
        return credential.consumer.custom_id
    return credential.consumer.username if remote.by == CREDENTIALS_USERNAME else credential.consumer.id


# ---- scopes of the token cache

cdef void _add(digest_t *digest, span_t text) noexcept nogil:
    """With its length first, so that no two lists of texts give the same bytes."""
    cdef uint32_t len = <uint32_t>text.len
    digest_add(digest, &len, sizeof(len))
    digest_add(digest, text.at, text.len)


cdef void jwt_remote_scope(const jwt_remote_t *remote, const credential_table_t *table, span_t settings, uint8_t *out) noexcept nogil:
    cdef digest_t digest
    cdef uint32_t i
    digest_start(&digest, DIGEST_SHA256)
    _add(&digest, settings)
    for i in range(table.n_rows):
        _add(&digest, jwt_remote_name(remote, &table.rows[i]))
    digest_end(&digest, out)


cdef void jwt_remote_scope_now(const uint8_t *scope, const key_set_t *keys, uint8_t *out) noexcept nogil:
    """Both are digests of what only the operator and the source can choose."""
    cdef uint64_t ours[SCOPE_WORDS]
    cdef uint64_t theirs[SCOPE_WORDS]
    cdef unsigned i
    memcpy(ours, scope, TOKEN_CACHE_SCOPE_BYTES)
    memcpy(theirs, keys.digest, TOKEN_CACHE_SCOPE_BYTES)
    for i in range(<unsigned>SCOPE_WORDS):
        ours[i] ^= theirs[i]
    memcpy(out, ours, TOKEN_CACHE_SCOPE_BYTES)


# ---- building

cdef bytes jwt_remote_id(dict config):
    cdef uint8_t out[KEY_SET_ID_BYTES]
    cdef bytes text = json.dumps([config["jwks_uri"], config["jwks_ca_file"]]).encode()
    cdef digest_t digest
    if crypto_open() != OK:
        raise SnapshotError('plugin "jwt"', "jwks_uri", crypto_problem().decode())
    digest_start(&digest, DIGEST_SHA256)
    digest_add(&digest, <const char *>text, <size_t>len(text))
    digest_end(&digest, out)
    return (<const char *>out)[:KEY_SET_ID_BYTES]


cdef credential_table_t *jwt_remote_consumers(snapshot_t *snapshot, const jwt_remote_t *remote, dict config, dict context) except NULL:
    return consumers_build(snapshot, remote.by, config["consumer_by"], context)


cdef jwt_remote_t *jwt_remote_build(arena_t *arena, dict config) except NULL:
    cdef jwt_remote_t *remote = <jwt_remote_t *>keep_room(arena, sizeof(jwt_remote_t))
    cdef bytes source = jwt_remote_id(config)
    memcpy(remote.source, <const char *>source, KEY_SET_ID_BYTES)
    keep_text(arena, config["consumer_claim"], &remote.claim)
    if config["consumer_by"] == "custom_id":
        remote.by = CREDENTIALS_CUSTOM_ID
    elif config["consumer_by"] == "username":
        remote.by = CREDENTIALS_USERNAME
    else:
        remote.by = CREDENTIALS_ID
    remote.is_optional = config["consumer_optional"]
    return remote

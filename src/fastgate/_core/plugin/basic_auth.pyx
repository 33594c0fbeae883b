"""basic-auth (priority 1100)."""

import hashlib

from libc.stdint cimport uint32_t
from libc.string cimport memchr, memcpy

from fastgate._core.auth.base64 cimport base64_decode
from fastgate._core.auth.secret cimport secret_equal
from fastgate._core.base.sha1 cimport SHA1_BYTES, sha1
from fastgate._core.base.span cimport span_of, span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.plugin.authentication cimport (
    authentication_build,
    authentication_fail,
    authentication_is_skipped,
    authentication_succeed,
    credential_find,
    credential_t,
    credentials_build,
    credentials_of,
    scheme_credentials,
    scheme_hide,
)
from fastgate._core.proxy.exchange cimport exchange_t, exchange_take
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room
from fastgate._core.snapshot.snapshot cimport CREDENTIALS_BASIC


cdef const char *REFUSED = b"Unauthorized"
# Who is not known is hashed with this, so that it takes as long.
cdef const char *NO_ID = b"00000000-0000-0000-0000-000000000000"
cdef char no_digest[SHA1_BYTES]


cdef bint _read(exchange_t *exchange, span_t field, span_t *user_out, span_t *password_out) noexcept nogil:
    cdef span_t encoded, text
    cdef const char *colon
    cdef ssize_t size
    cdef char *room
    if not scheme_credentials(&exchange.request, field, span_text(b"basic"), &encoded):
        return False
    room = <char *>exchange_take(exchange, encoded.len // 4 * 3 + 2)
    size = base64_decode(encoded, room) if room != NULL else -1
    if size <= 0:
        return False
    text = span_of(room, <size_t>size)
    colon = <const char *>memchr(text.at, c':', text.len)
    if colon == NULL or colon == text.at:
        return False
    user_out[0] = span_of(text.at, <size_t>(colon - text.at))
    password_out[0] = span_of(colon + 1, text.len - user_out.len - 1)
    return True


cdef bint _is_right(exchange_t *exchange, const credential_t *credential, span_t password) noexcept nogil:
    """As long for nobody as for somebody."""
    cdef unsigned char digest[SHA1_BYTES]
    cdef span_t id = credential.consumer.id if credential != NULL else span_text(NO_ID)
    cdef const char *expected = <const char *>credential.secret if credential != NULL else no_digest
    cdef char *salted = <char *>exchange_take(exchange, password.len + id.len)
    if salted == NULL:
        return False
    memcpy(salted, password.at, password.len)
    memcpy(salted + password.len, id.at, id.len)
    sha1(salted, password.len + id.len, digest)
    return secret_equal(digest, expected, SHA1_BYTES) and credential != NULL


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    """Proxy-Authorization goes first (as in Kong); a user it does not know leaves Authorization its turn."""
    cdef const basic_auth_t *config = <const basic_auth_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const credential_t *credential = NULL
    cdef span_t user, password
    cdef bint is_read
    if authentication_is_skipped(&config.authentication, exchange):
        return OK
    is_read = _read(exchange, span_text(b"Proxy-Authorization"), &user, &password)
    if is_read:
        credential = credential_find(config.credentials, user)
    if credential == NULL:
        if _read(exchange, span_text(b"Authorization"), &user, &password):
            is_read = True
            credential = credential_find(config.credentials, user)
        if config.hides:
            scheme_hide(exchange, span_text(b"Authorization"), span_text(b"Basic"))
    if not is_read or not _is_right(exchange, credential, password):
        return authentication_fail(&config.authentication, exchange, span_text(REFUSED))
    return authentication_succeed(exchange, credential, user)


cdef int _keep_passwords(credential_table_t *table, snapshot_t *snapshot, dict context) except -1:
    cdef span_t kept
    cdef uint32_t i
    for i, (consumer, credential) in enumerate(credentials_of("basicauth_credentials", context)):
        password = credential["password"]
        if credential["is_hashed"]:
            digest = bytes.fromhex(password)
        else:
            digest = hashlib.sha1((password + consumer["id"]).encode(), usedforsecurity=False).digest()
        keep_bytes(&snapshot.arena, digest, &kept)
        table.rows[i].secret = <void *>kept.at
    return 0


cdef int basic_auth_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef basic_auth_t *kept = <basic_auth_t *>keep_room(&snapshot.arena, sizeof(basic_auth_t))
    cdef bint is_first = snapshot.credentials[<unsigned>CREDENTIALS_BASIC] == NULL
    cdef credential_table_t *table = credentials_build(
        snapshot, CREDENTIALS_BASIC, "basicauth_credentials", "username", context
    )
    if is_first:
        _keep_passwords(table, snapshot, context)
    authentication_build(&kept.authentication, plugin, snapshot, "Basic", config, context)
    kept.credentials = table
    kept.hides = config["hide_credentials"]
    plugin.access = _access
    plugin.config = kept
    return 0

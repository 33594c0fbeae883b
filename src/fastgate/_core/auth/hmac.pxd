"""HMAC (RFC 2104) over libcrypto's digests: keys whose padding is hashed already, messages in pieces."""

from libc.stdint cimport uint8_t

from fastgate._core.auth.crypto cimport digest_t
from fastgate._core.base.span cimport span_t


cdef struct hmac_key_t:
    # Part of whoever built it (a verify_key_t, a credential); a plain value. Read-only after build, any thread.
    # It stands for the secret: never logged.
    digest_t inner
    digest_t outer


cdef struct hmac_t:
    # A value on somebody's stack: a message on its way. Points to its key.
    digest_t inner
    const hmac_key_t *key


# `kind` is one of DIGEST_SHA1 to DIGEST_SHA512. Costs two to four blocks of hashing.
cdef void hmac_key_set(hmac_key_t *key, unsigned kind, span_t secret) noexcept nogil

cdef void hmac_start(hmac_t *hmac, const hmac_key_t *key) noexcept nogil
cdef void hmac_add(hmac_t *hmac, span_t piece) noexcept nogil
cdef void hmac_end(hmac_t *hmac, uint8_t *out) noexcept nogil                   # digest_size(kind) bytes
cdef bint hmac_is(hmac_t *hmac, span_t expected) noexcept nogil                 # ends it, and compares in constant time

"""HMAC: two digests whose first block, the padded secret, was hashed when the key was made."""

from libc.stdint cimport uint8_t
from libc.string cimport memcpy, memset

from fastgate._core.auth.crypto cimport (
    DIGEST_MAX_BYTES, DIGEST_SHA256, digest_add, digest_end, digest_size, digest_start,
)
from fastgate._core.auth.secret cimport secret_eq
from fastgate._core.base.span cimport span_of, span_t


cdef enum:
    BLOCK_MAX_BYTES = 128


cdef inline unsigned _block_size(unsigned kind) noexcept nogil:
    return 64 if kind <= DIGEST_SHA256 else 128


cdef void hmac_key_set(hmac_key_t *key, unsigned kind, span_t secret) noexcept nogil:
    cdef uint8_t block[BLOCK_MAX_BYTES]
    cdef unsigned size = _block_size(kind), i
    memset(block, 0, sizeof(block))
    if secret.len > size:
        digest_start(&key.inner, kind)
        digest_add(&key.inner, secret.at, secret.len)
        digest_end(&key.inner, block)
    elif secret.len:
        memcpy(block, secret.at, secret.len)
    for i in range(size):
        block[i] ^= 0x36
    digest_start(&key.inner, kind)
    digest_add(&key.inner, block, size)
    for i in range(size):
        block[i] ^= 0x36 ^ 0x5C
    digest_start(&key.outer, kind)
    digest_add(&key.outer, block, size)


cdef void hmac_start(hmac_t *hmac, const hmac_key_t *key) noexcept nogil:
    memcpy(&hmac.inner, &key.inner, sizeof(hmac.inner))
    hmac.key = key


cdef void hmac_add(hmac_t *hmac, span_t piece) noexcept nogil:
    digest_add(&hmac.inner, piece.at, piece.len)


cdef void hmac_end(hmac_t *hmac, uint8_t *out) noexcept nogil:
    digest_end(&hmac.inner, out)
    memcpy(&hmac.inner, &hmac.key.outer, sizeof(hmac.inner))
    digest_add(&hmac.inner, out, digest_size(hmac.inner.kind))
    digest_end(&hmac.inner, out)


cdef bint hmac_is(hmac_t *hmac, span_t expected) noexcept nogil:
    cdef uint8_t digest[DIGEST_MAX_BYTES]
    hmac_end(hmac, digest)
    return secret_eq(span_of(<const char *>digest, digest_size(hmac.inner.kind)), expected)

"""Keys that check signatures: one key for one algorithm, made at configuration time, and the check itself.

The algorithm is the key's, never the token's: a public key cannot be taken for an HMAC secret, nor RS256 for PS256.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.auth.hmac cimport hmac_key_t
from fastgate._core.base.span cimport span_t
from fastgate._core.includes.libcrypto cimport EVP_MD_CTX, EVP_PKEY, EVP_PKEY_CTX


cdef enum:
    VERIFY_FINGERPRINT_BYTES = 32
    VERIFY_MIN_RSA_BITS = 2048      # RFC 7518 sections 3.3 and 3.5
    VERIFIER_SLOTS = 16             # keys a reactor keeps ready


cdef struct verify_key_t:
    # Owner: who holds a reference, from verify_key_new or verify_key_ref; dies with the last, in verify_key_free.
    # control thread
    uint32_t refs
    # read-only after build, any thread
    EVP_PKEY *pkey                  # NULL: HMAC
    hmac_key_t hmac
    uint64_t serial                 # no other key of this process has it
    unsigned signature_bytes        # a signature's exact length
    uint8_t algorithm               # algorithm_t
    uint8_t fingerprint[VERIFY_FINGERPRINT_BYTES]       # SHA-256 over algorithm and material: the same after a reload


cdef struct verifier_slot_t:
    # Part of a verifier_t. The context holds the key's parts it needs, so it may outlive the verify_key_t.
    uint64_t serial                 # 0: empty
    EVP_PKEY_CTX *context


cdef struct verifier_t:
    # Owner and only thread: one reactor. Dies in verifier_free.
    verifier_slot_t slots[VERIFIER_SLOTS]
    EVP_MD_CTX *one_shot            # for EdDSA; NULL until the first


# `algorithm` is an algorithm_t; `material` is an HMAC secret, or a public key (SubjectPublicKeyInfo) as PEM or DER.
# NULL: refused, and `problem_out` says why. Needs crypto_open to have returned OK.
cdef verify_key_t *verify_key_new(unsigned algorithm, span_t material, const char **problem_out) noexcept nogil
cdef verify_key_t *verify_key_ref(verify_key_t *key) noexcept nogil
cdef void verify_key_free(verify_key_t *key) noexcept nogil          # gives one reference up; NULL: nothing to do

cdef verifier_t *verifier_new() noexcept nogil          # NULL: no memory
cdef void verifier_free(verifier_t *verifier) noexcept nogil

# Whether `signature` is the key's over `data`. No memory for a context counts as no.
cdef bint verify_signature(verifier_t *verifier, const verify_key_t *key, span_t data, span_t signature) noexcept nogil

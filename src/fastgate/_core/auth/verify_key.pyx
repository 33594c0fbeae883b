"""Verification over libcrypto: a context is made once for a key and reactor, then used again and again.

Setting up a verification costs OpenSSL 3 some microseconds of look-ups and allocations; a reactor therefore keeps
the contexts of the keys it used last, found by the key's serial number.
"""

from libc.stdint cimport uint8_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcmp, memcpy, strlen

from fastgate._core.auth.algorithm cimport (
    ALGORITHM_ES256, ALGORITHM_ES384, ALGORITHM_UNKNOWN, FAMILY_EDDSA, FAMILY_ES, FAMILY_HS, FAMILY_PS,
    algorithm_coordinate_bytes, algorithm_digest, algorithm_family,
)
from fastgate._core.auth.crypto cimport (
    DIGEST_MAX_BYTES, DIGEST_SHA256, crypto_library, digest_add, digest_end, digest_size, digest_start, digest_t,
)
from fastgate._core.auth.hmac cimport hmac_add, hmac_is, hmac_key_set, hmac_start, hmac_t
from fastgate._core.base.atomics cimport atomic_add_u64
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.includes.libcrypto cimport (
    BIO, EVP_PKEY, EVP_PKEY_CTX, EVP_PKEY_EC, EVP_PKEY_ED25519, EVP_PKEY_RSA, RSA_PKCS1_PADDING, RSA_PKCS1_PSS_PADDING,
    RSA_PSS_SALTLEN_DIGEST,
)


cdef enum:
    MAX_MATERIAL_BYTES = 65536
    MAX_DER_BYTES = 144             # of an ECDSA signature: two numbers of 67 bytes, their heads, the sequence's
    ED25519_SIGNATURE_BYTES = 64


cdef uint64_t _serial = 0           # shared: atomic


# ---- keys

cdef EVP_PKEY *_public_key(span_t material) noexcept nogil:
    cdef const uint8_t *at = <const uint8_t *>material.at
    cdef BIO *bio
    cdef EVP_PKEY *pkey = NULL
    if material.len and at[0] == 0x30:                      # a DER sequence, and nothing after it
        pkey = crypto_library().d2i_pubkey(NULL, &at, <long>material.len)
        if pkey != NULL and at != <const uint8_t *>material.at + material.len:
            crypto_library().pkey_free(pkey)
            pkey = NULL
    else:
        bio = crypto_library().bio_new_mem_buf(material.at, <int>material.len)
        if bio != NULL:
            pkey = crypto_library().pem_read_bio_pubkey(bio, NULL, NULL, NULL)
            crypto_library().bio_free(bio)
    crypto_library().err_clear_error()
    return pkey


cdef bint _is_on_curve(const EVP_PKEY *pkey, unsigned algorithm) noexcept nogil:
    cdef char name[32]
    cdef size_t len = 0
    cdef const char *expected = b"secp521r1"
    if algorithm == ALGORITHM_ES256:
        expected = b"prime256v1"
    elif algorithm == ALGORITHM_ES384:
        expected = b"secp384r1"
    return (crypto_library().pkey_get_group_name(pkey, name, sizeof(name), &len) == 1
            and len == strlen(expected) and memcmp(name, expected, len) == 0)


cdef const char *_unfit(const EVP_PKEY *pkey, unsigned algorithm) noexcept nogil:
    """Why this public key is not one for the algorithm; NULL: it is."""
    cdef unsigned family = algorithm_family(algorithm)
    cdef int id = crypto_library().pkey_get_id(pkey)
    if family == FAMILY_EDDSA:
        if id != EVP_PKEY_ED25519:
            return b"EdDSA needs an Ed25519 key"
        return NULL
    if family == FAMILY_ES:
        if id != EVP_PKEY_EC:
            return b"ES256, ES384 and ES512 need an elliptic-curve key"
        if not _is_on_curve(pkey, algorithm):
            return b"the key is on another curve: ES256 takes P-256, ES384 P-384, ES512 P-521"
        return NULL
    if id != EVP_PKEY_RSA:
        return b"RS256 to RS512 and PS256 to PS512 need an RSA key"
    if crypto_library().pkey_get_bits(pkey) < VERIFY_MIN_RSA_BITS:
        return b"the RSA key is too short: at least 2048 bits (RFC 7518 section 3.3)"
    return NULL


cdef const char *_load(verify_key_t *key, span_t material) noexcept nogil:
    """The key from its material. Why not; NULL: done."""
    cdef unsigned family = algorithm_family(key.algorithm)
    cdef const char *problem
    if key.algorithm == ALGORITHM_UNKNOWN:
        return b"the algorithm is not one of HS256, RS256, PS256, ES256, their 384 and 512, and EdDSA"
    if family == FAMILY_HS:
        if material.len == 0:
            return b"the secret is empty"
        hmac_key_set(&key.hmac, algorithm_digest(key.algorithm), material)
        key.signature_bytes = digest_size(algorithm_digest(key.algorithm))
        return NULL
    key.pkey = _public_key(material) if material.len <= MAX_MATERIAL_BYTES else NULL
    if key.pkey == NULL:
        return b"OpenSSL reads no public key in this: write the whole PEM block, as `openssl pkey -pubout` prints it"
    problem = _unfit(key.pkey, key.algorithm)
    if problem == NULL:
        if family == FAMILY_EDDSA:
            key.signature_bytes = ED25519_SIGNATURE_BYTES
        elif family == FAMILY_ES:
            key.signature_bytes = 2 * algorithm_coordinate_bytes(key.algorithm)
        else:
            key.signature_bytes = <unsigned>crypto_library().pkey_get_size(key.pkey)
    return problem


cdef verify_key_t *verify_key_new(unsigned algorithm, span_t material, const char **problem_out) noexcept nogil:
    cdef digest_t digest
    cdef verify_key_t *key = <verify_key_t *>calloc(1, sizeof(verify_key_t))
    if key == NULL:
        problem_out[0] = b"out of memory"
        return NULL
    key.refs = 1
    key.algorithm = <uint8_t>algorithm
    problem_out[0] = _load(key, material)
    if problem_out[0] != NULL:
        verify_key_free(key)
        return NULL
    digest_start(&digest, DIGEST_SHA256)
    digest_add(&digest, &key.algorithm, 1)
    digest_add(&digest, material.at, material.len)
    digest_end(&digest, key.fingerprint)
    key.serial = atomic_add_u64(&_serial, 1) + 1
    return key


cdef verify_key_t *verify_key_ref(verify_key_t *key) noexcept nogil:
    key.refs += 1
    return key


cdef void verify_key_free(verify_key_t *key) noexcept nogil:
    if key == NULL:
        return
    key.refs -= 1
    if key.refs == 0:
        if key.pkey != NULL:
            crypto_library().pkey_free(key.pkey)
        free(key)


# ---- a reactor's contexts

cdef verifier_t *verifier_new() noexcept nogil:
    return <verifier_t *>calloc(1, sizeof(verifier_t))


cdef void verifier_free(verifier_t *verifier) noexcept nogil:
    cdef unsigned i
    if verifier == NULL:
        return
    for i in range(<unsigned>VERIFIER_SLOTS):
        if verifier.slots[i].context != NULL:
            crypto_library().pkey_ctx_free(verifier.slots[i].context)
    if verifier.one_shot != NULL:
        crypto_library().md_ctx_free(verifier.one_shot)
    free(verifier)


cdef bint _context_set(EVP_PKEY_CTX *context, const verify_key_t *key) noexcept nogil:
    cdef unsigned family = algorithm_family(key.algorithm)
    if crypto_library().pkey_verify_init(context) != 1:
        return False
    if family != FAMILY_ES:
        if crypto_library().pkey_ctx_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING if family == FAMILY_PS else RSA_PKCS1_PADDING) != 1:
            return False
    if crypto_library().pkey_ctx_set_signature_md(context, crypto_library().md[algorithm_digest(key.algorithm)]()) != 1:
        return False
    # RFC 7518 section 3.5: the salt is as long as the digest, and MGF1 uses the same one, which is the default.
    return family != FAMILY_PS or crypto_library().pkey_ctx_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1


cdef EVP_PKEY_CTX *_context(verifier_t *verifier, const verify_key_t *key) noexcept nogil:
    cdef verifier_slot_t *slot = &verifier.slots[key.serial % VERIFIER_SLOTS]
    cdef EVP_PKEY_CTX *context
    if slot.serial == key.serial:
        return slot.context
    context = crypto_library().pkey_ctx_new(key.pkey, NULL)
    if context == NULL:
        return NULL
    if not _context_set(context, key):
        crypto_library().pkey_ctx_free(context)
        return NULL
    if slot.context != NULL:
        crypto_library().pkey_ctx_free(slot.context)
    slot.serial = key.serial
    slot.context = context
    return context


# ---- verification

cdef uint8_t *_der_number(uint8_t *to, const uint8_t *at, unsigned len) noexcept nogil:
    """A positive INTEGER in as few bytes as it needs. The byte after it."""
    cdef unsigned padding
    while len > 1 and at[0] == 0:
        at += 1
        len -= 1
    padding = at[0] >> 7            # a set top bit would make it negative
    to[0] = 0x02
    to[1] = <uint8_t>(len + padding)
    to[2] = 0
    to += 2 + padding
    memcpy(to, at, len)
    return to + len


cdef size_t _der_signature(const uint8_t *raw, unsigned half, uint8_t *out) noexcept nogil:
    """JOSE's two numbers side by side as the SEQUENCE that libcrypto takes. Its length."""
    cdef uint8_t body[MAX_DER_BYTES]
    cdef size_t len = <size_t>(_der_number(_der_number(body, raw, half), raw + half, half) - body)
    cdef size_t head = 2
    out[0] = 0x30
    out[1] = <uint8_t>len
    if len > 127:
        out[1] = 0x81
        out[2] = <uint8_t>len
        head = 3
    memcpy(out + head, body, len)
    return head + len


cdef bint _verify_one_shot(verifier_t *verifier, const verify_key_t *key, span_t data, span_t signature) noexcept nogil:
    cdef bint is_good
    if verifier.one_shot == NULL:
        verifier.one_shot = crypto_library().md_ctx_new()
        if verifier.one_shot == NULL:
            return False
    is_good = (crypto_library().digest_verify_init(verifier.one_shot, NULL, NULL, NULL, key.pkey) == 1
               and crypto_library().digest_verify(verifier.one_shot, <const uint8_t *>signature.at, signature.len,
                                                  <const uint8_t *>data.at, data.len) == 1)
    crypto_library().md_ctx_reset(verifier.one_shot)        # it would keep a reference to the key
    return is_good


cdef bint _verify_digest(verifier_t *verifier, const verify_key_t *key, span_t data, span_t signature) noexcept nogil:
    cdef uint8_t out[DIGEST_MAX_BYTES]
    cdef uint8_t der[MAX_DER_BYTES]
    cdef digest_t digest
    cdef unsigned kind = algorithm_digest(key.algorithm)
    cdef EVP_PKEY_CTX *context = _context(verifier, key)
    if context == NULL:
        return False
    digest_start(&digest, kind)
    digest_add(&digest, data.at, data.len)
    digest_end(&digest, out)
    if algorithm_family(key.algorithm) == FAMILY_ES:
        signature = span_of(<const char *>der, _der_signature(<const uint8_t *>signature.at, key.signature_bytes // 2, der))
    return crypto_library().pkey_verify(context, <const uint8_t *>signature.at, signature.len, out, digest_size(kind)) == 1


cdef bint verify_signature(verifier_t *verifier, const verify_key_t *key, span_t data, span_t signature) noexcept nogil:
    cdef hmac_t hmac
    cdef bint is_good
    if signature.len != key.signature_bytes:
        return False
    if key.pkey == NULL:
        hmac_start(&hmac, &key.hmac)
        hmac_add(&hmac, data)
        return hmac_is(&hmac, signature)
    if algorithm_family(key.algorithm) == FAMILY_EDDSA:
        is_good = _verify_one_shot(verifier, key, data, signature)
    else:
        is_good = _verify_digest(verifier, key, data, signature)
    if not is_good:
        crypto_library().err_clear_error()      # the queue is the thread's: others read it
    return is_good

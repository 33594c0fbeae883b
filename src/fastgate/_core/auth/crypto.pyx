"""libcrypto.so.3: found with dlopen, its functions by name, its digests tried before they are trusted."""

from libc.stdint cimport uint8_t
from libc.string cimport memcmp, memcpy, memset
from posix.dlfcn cimport RTLD_LOCAL, RTLD_NOW, dlopen, dlsym

from fastgate._core.base.status cimport FAILED, OK, status_t
from fastgate._core.includes.libcrypto cimport *


cdef enum:
    CANARY = 0x5AFE


cdef crypto_library_t _library
cdef const char *_problem = ""

memset(&_library, 0, sizeof(_library))


# ---- the library

cdef bint _resolve(void *handle, const char *name, void *field) noexcept nogil:
    """Stores the function's address in a function-pointer field of the library."""
    cdef void *address = dlsym(handle, name)
    memcpy(field, &address, sizeof(address))
    return address != NULL


cdef bint _resolve_digests(void *handle, crypto_library_t *found) noexcept nogil:
    return (_resolve(handle, b"SHA1_Init", &found.sha_init[DIGEST_SHA1])
            and _resolve(handle, b"SHA1_Update", &found.sha_update[DIGEST_SHA1])
            and _resolve(handle, b"SHA1_Final", &found.sha_final[DIGEST_SHA1])
            and _resolve(handle, b"SHA256_Init", &found.sha_init[DIGEST_SHA256])
            and _resolve(handle, b"SHA256_Update", &found.sha_update[DIGEST_SHA256])
            and _resolve(handle, b"SHA256_Final", &found.sha_final[DIGEST_SHA256])
            and _resolve(handle, b"SHA384_Init", &found.sha_init[DIGEST_SHA384])
            and _resolve(handle, b"SHA384_Update", &found.sha_update[DIGEST_SHA384])
            and _resolve(handle, b"SHA384_Final", &found.sha_final[DIGEST_SHA384])
            and _resolve(handle, b"SHA512_Init", &found.sha_init[DIGEST_SHA512])
            and _resolve(handle, b"SHA512_Update", &found.sha_update[DIGEST_SHA512])
            and _resolve(handle, b"SHA512_Final", &found.sha_final[DIGEST_SHA512])
            and _resolve(handle, b"EVP_sha256", &found.md[DIGEST_SHA256])
            and _resolve(handle, b"EVP_sha384", &found.md[DIGEST_SHA384])
            and _resolve(handle, b"EVP_sha512", &found.md[DIGEST_SHA512]))


cdef bint _resolve_keys(void *handle, crypto_library_t *found) noexcept nogil:
    return (_resolve(handle, b"BIO_new_mem_buf", &found.bio_new_mem_buf)
            and _resolve(handle, b"BIO_free", &found.bio_free)
            and _resolve(handle, b"PEM_read_bio_PUBKEY", &found.pem_read_bio_pubkey)
            and _resolve(handle, b"d2i_PUBKEY", &found.d2i_pubkey)
            and _resolve(handle, b"EVP_PKEY_free", &found.pkey_free)
            and _resolve(handle, b"EVP_PKEY_get_id", &found.pkey_get_id)
            and _resolve(handle, b"EVP_PKEY_get_bits", &found.pkey_get_bits)
            and _resolve(handle, b"EVP_PKEY_get_size", &found.pkey_get_size)
            and _resolve(handle, b"EVP_PKEY_get_group_name", &found.pkey_get_group_name)
            and _resolve(handle, b"EVP_PKEY_CTX_new", &found.pkey_ctx_new)
            and _resolve(handle, b"EVP_PKEY_CTX_free", &found.pkey_ctx_free)
            and _resolve(handle, b"EVP_PKEY_verify_init", &found.pkey_verify_init)
            and _resolve(handle, b"EVP_PKEY_CTX_set_signature_md", &found.pkey_ctx_set_signature_md)
            and _resolve(handle, b"EVP_PKEY_CTX_set_rsa_padding", &found.pkey_ctx_set_rsa_padding)
            and _resolve(handle, b"EVP_PKEY_CTX_set_rsa_pss_saltlen", &found.pkey_ctx_set_rsa_pss_saltlen)
            and _resolve(handle, b"EVP_PKEY_verify", &found.pkey_verify)
            and _resolve(handle, b"EVP_MD_CTX_new", &found.md_ctx_new)
            and _resolve(handle, b"EVP_MD_CTX_free", &found.md_ctx_free)
            and _resolve(handle, b"EVP_MD_CTX_reset", &found.md_ctx_reset)
            and _resolve(handle, b"EVP_DigestVerifyInit", &found.digest_verify_init)
            and _resolve(handle, b"EVP_DigestVerify", &found.digest_verify)
            and _resolve(handle, b"ERR_clear_error", &found.err_clear_error))


cdef bint _digests_fit() noexcept nogil:
    """Each digest's state keeps within the room it gets here, and `abc` gives what FIPS 180-4 says."""
    cdef digest_t digest
    cdef uint8_t out[DIGEST_MAX_BYTES]
    cdef const char *expected[DIGEST_KINDS]
    cdef unsigned kind
    expected[DIGEST_SHA1] = b"\xa9\x99\x3e\x36\x47\x06\x81\x6a"
    expected[DIGEST_SHA256] = b"\xba\x78\x16\xbf\x8f\x01\xcf\xea"
    expected[DIGEST_SHA384] = b"\xcb\x00\x75\x3f\x45\xa3\x5e\x8b"
    expected[DIGEST_SHA512] = b"\xdd\xaf\x35\xa1\x93\x61\x7a\xba"
    for kind in range(<unsigned>DIGEST_KINDS):
        digest.state[DIGEST_STATE_WORDS - 1] = CANARY
        digest_start(&digest, kind)
        digest_add(&digest, b"abc", 3)
        digest_end(&digest, out)
        if memcmp(out, expected[kind], 8) != 0 or digest.state[DIGEST_STATE_WORDS - 1] != CANARY:
            return False
    return True


cdef status_t crypto_open() noexcept nogil:
    cdef void *handle
    cdef crypto_library_t found
    if _library.is_open:
        return OK
    handle = dlopen(b"libcrypto.so.3", RTLD_NOW | RTLD_LOCAL)
    if handle == NULL:
        _set_problem(b"OpenSSL's library (libcrypto.so.3) is not installed; signatures and HMAC need it:"
                     b" install Debian's libssl3, Alpine's libcrypto3 or Fedora's openssl-libs")
        return FAILED
    memset(&found, 0, sizeof(found))
    if not (_resolve_digests(handle, &found) and _resolve_keys(handle, &found)):
        _set_problem(b"OpenSSL's library (libcrypto.so.3) lacks a function that signatures and HMAC need:"
                     b" install a build of OpenSSL 3 that keeps the SHA functions (no `no-deprecated`)")
        return FAILED
    _set_library(&found)
    if not _digests_fit():
        _set_problem(b"OpenSSL's library (libcrypto.so.3) computes SHA digests wrongly: install another build of OpenSSL 3")
        return FAILED
    _library.is_open = True
    return OK


cdef void _set_problem(const char *problem) noexcept nogil:
    global _problem
    _problem = problem


cdef void _set_library(const crypto_library_t *found) noexcept nogil:
    memcpy(&_library, found, sizeof(_library))


cdef const char *crypto_problem() noexcept nogil:
    return _problem


cdef const crypto_library_t *crypto_library() noexcept nogil:
    return &_library


# ---- digests

cdef unsigned digest_size(unsigned kind) noexcept nogil:
    if kind == DIGEST_SHA1:
        return 20
    return 16 * (kind + 1)          # SHA-256, SHA-384, SHA-512


cdef void digest_start(digest_t *digest, unsigned kind) noexcept nogil:
    digest.kind = <uint8_t>kind
    _library.sha_init[kind](&digest.state)


cdef void digest_add(digest_t *digest, const void *data, size_t len) noexcept nogil:
    if len:                         # an empty span may be NULL
        _library.sha_update[digest.kind](&digest.state, data, len)


cdef void digest_end(digest_t *digest, uint8_t *out) noexcept nogil:
    _library.sha_final[digest.kind](out, &digest.state)

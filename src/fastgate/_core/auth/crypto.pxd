"""OpenSSL 3's libcrypto bound at run time, when a configuration first needs it; and its digests.

Digests are the library's plain SHA functions over plain structs: a state is copied by assignment, nothing is
allocated, and no context is fetched for each use, which in OpenSSL 3 costs more than hashing a token.
"""

from libc.stdint cimport uint8_t, uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.includes.libcrypto cimport *


cdef enum:
    # kinds of digests
    DIGEST_SHA1 = 0
    DIGEST_SHA256 = 1
    DIGEST_SHA384 = 2
    DIGEST_SHA512 = 3
    DIGEST_KINDS = 4


cdef enum:
    DIGEST_MAX_BYTES = 64
    DIGEST_STATE_WORDS = 32     # SHA512_CTX takes 27


cdef struct digest_t:
    # A value on somebody's stack or in a key. All that was added so far; a copy goes on by itself.
    uint64_t state[DIGEST_STATE_WORDS]
    uint8_t kind


cdef struct crypto_library_t:
    # One for the process, owned by crypto.pyx, never closed. Read-only after crypto_open, any thread.
    bint is_open
    sha_init_fn sha_init[DIGEST_KINDS]
    sha_update_fn sha_update[DIGEST_KINDS]
    sha_final_fn sha_final[DIGEST_KINDS]
    bio_new_mem_buf_fn bio_new_mem_buf
    bio_free_fn bio_free
    pem_read_bio_pubkey_fn pem_read_bio_pubkey
    d2i_pubkey_fn d2i_pubkey
    evp_pkey_free_fn pkey_free
    evp_pkey_number_fn pkey_get_id
    evp_pkey_number_fn pkey_get_bits
    evp_pkey_number_fn pkey_get_size
    evp_pkey_get_group_name_fn pkey_get_group_name
    evp_md_fn md[DIGEST_KINDS]
    evp_pkey_ctx_new_fn pkey_ctx_new
    evp_pkey_ctx_free_fn pkey_ctx_free
    evp_pkey_verify_init_fn pkey_verify_init
    evp_pkey_ctx_set_md_fn pkey_ctx_set_signature_md
    evp_pkey_ctx_set_number_fn pkey_ctx_set_rsa_padding
    evp_pkey_ctx_set_number_fn pkey_ctx_set_rsa_pss_saltlen
    evp_pkey_verify_fn pkey_verify
    evp_md_ctx_new_fn md_ctx_new
    evp_md_ctx_free_fn md_ctx_free
    evp_md_ctx_reset_fn md_ctx_reset
    evp_digest_verify_init_fn digest_verify_init
    evp_digest_verify_fn digest_verify
    err_clear_error_fn err_clear_error


# Loads the library once. Called with the GIL or by one thread; FAILED: see crypto_problem. All else here and
# in hmac.pyx and verify_key.pyx needs it to have returned OK.
cdef status_t crypto_open() noexcept nogil
cdef const char *crypto_problem() noexcept nogil
cdef const crypto_library_t *crypto_library() noexcept nogil

cdef unsigned digest_size(unsigned kind) noexcept nogil
cdef void digest_start(digest_t *digest, unsigned kind) noexcept nogil
cdef void digest_add(digest_t *digest, const void *data, size_t len) noexcept nogil
cdef void digest_end(digest_t *digest, uint8_t *out) noexcept nogil             # digest_size(kind) bytes

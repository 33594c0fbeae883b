"""What the core uses of OpenSSL 3's libcrypto, found at run time in libcrypto.so.3.

No header is needed to build and nothing is linked: auth/crypto.pyx resolves each function by its name.
Numbers are those of evp.h, rsa.h and obj_mac.h, which the library's ABI has frozen.
"""

from libc.stdint cimport uint8_t


cdef extern from *:
    """
    typedef struct fg_evp_pkey fg_evp_pkey;
    typedef struct fg_evp_pkey_ctx fg_evp_pkey_ctx;
    typedef struct fg_evp_md fg_evp_md;
    typedef struct fg_evp_md_ctx fg_evp_md_ctx;
    typedef struct fg_bio fg_bio;
    """
    ctypedef struct EVP_PKEY "fg_evp_pkey":
        pass
    ctypedef struct EVP_PKEY_CTX "fg_evp_pkey_ctx":
        pass
    ctypedef struct EVP_MD "fg_evp_md":
        pass
    ctypedef struct EVP_MD_CTX "fg_evp_md_ctx":
        pass
    ctypedef struct BIO "fg_bio":
        pass


cdef enum:
    # EVP_PKEY_get_id
    EVP_PKEY_RSA = 6
    EVP_PKEY_EC = 408
    EVP_PKEY_ED25519 = 1087
    # EVP_PKEY_CTX_set_rsa_padding
    RSA_PKCS1_PADDING = 1
    RSA_PKCS1_PSS_PADDING = 6
    # EVP_PKEY_CTX_set_rsa_pss_saltlen: as long as the digest
    RSA_PSS_SALTLEN_DIGEST = -1


# SHA*_CTX: plain structs, at most 216 bytes, which may be copied.
ctypedef int (*sha_init_fn)(void *context) noexcept nogil
ctypedef int (*sha_update_fn)(void *context, const void *data, size_t len) noexcept nogil
ctypedef int (*sha_final_fn)(uint8_t *digest, void *context) noexcept nogil

ctypedef BIO *(*bio_new_mem_buf_fn)(const void *data, int len) noexcept nogil
ctypedef int (*bio_free_fn)(BIO *bio) noexcept nogil
ctypedef EVP_PKEY *(*pem_read_bio_pubkey_fn)(BIO *bio, EVP_PKEY **reuse, void *callback, void *data) noexcept nogil
ctypedef EVP_PKEY *(*d2i_pubkey_fn)(EVP_PKEY **reuse, const uint8_t **at, long len) noexcept nogil
ctypedef void (*evp_pkey_free_fn)(EVP_PKEY *pkey) noexcept nogil
ctypedef int (*evp_pkey_number_fn)(const EVP_PKEY *pkey) noexcept nogil
ctypedef int (*evp_pkey_get_group_name_fn)(const EVP_PKEY *pkey, char *room, size_t size, size_t *len_out) noexcept nogil

ctypedef const EVP_MD *(*evp_md_fn)() noexcept nogil
ctypedef EVP_PKEY_CTX *(*evp_pkey_ctx_new_fn)(EVP_PKEY *pkey, void *engine) noexcept nogil
ctypedef void (*evp_pkey_ctx_free_fn)(EVP_PKEY_CTX *context) noexcept nogil
ctypedef int (*evp_pkey_verify_init_fn)(EVP_PKEY_CTX *context) noexcept nogil
ctypedef int (*evp_pkey_ctx_set_md_fn)(EVP_PKEY_CTX *context, const EVP_MD *md) noexcept nogil
ctypedef int (*evp_pkey_ctx_set_number_fn)(EVP_PKEY_CTX *context, int number) noexcept nogil
ctypedef int (*evp_pkey_verify_fn)(EVP_PKEY_CTX *context, const uint8_t *signature, size_t signature_len, const uint8_t *digest, size_t digest_len) noexcept nogil

ctypedef EVP_MD_CTX *(*evp_md_ctx_new_fn)() noexcept nogil
ctypedef void (*evp_md_ctx_free_fn)(EVP_MD_CTX *context) noexcept nogil
ctypedef int (*evp_md_ctx_reset_fn)(EVP_MD_CTX *context) noexcept nogil
ctypedef int (*evp_digest_verify_init_fn)(EVP_MD_CTX *context, EVP_PKEY_CTX **key_context_out, const EVP_MD *md, void *engine, EVP_PKEY *pkey) noexcept nogil
ctypedef int (*evp_digest_verify_fn)(EVP_MD_CTX *context, const uint8_t *signature, size_t signature_len, const uint8_t *data, size_t len) noexcept nogil

ctypedef void (*err_clear_error_fn)() noexcept nogil

"""Test door to the auth room: base64, JSON, keys, tokens, HMAC and the cache of verdicts, driven from Python."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset
from posix.dlfcn cimport RTLD_NOW, dlopen, dlsym

from fastgate._core.auth.algorithm cimport algorithm_of
from fastgate._core.auth.base64 cimport base64_decode, base64url_decode
from fastgate._core.auth.crypto cimport (
    DIGEST_MAX_BYTES, crypto_open, crypto_problem, digest_add, digest_end, digest_size, digest_start, digest_t,
)
from fastgate._core.auth.hmac cimport hmac_add, hmac_end, hmac_is, hmac_key_set, hmac_key_t, hmac_start, hmac_t
from fastgate._core.auth.json cimport (
    JSON_NUMBER, json_array_has, json_find, json_member_t, json_number_ms, json_object_t, json_raw_eq, json_read,
    json_unescape, json_walk_next, json_walk_open, json_walk_t,
)
from fastgate._core.auth.jwt cimport (
    JWT_OK, jwt_check_aud, jwt_check_exp, jwt_check_lifetime, jwt_check_nbf, jwt_claim, jwt_date, jwt_key_claim,
    jwt_parse, jwt_result_t, jwt_t, jwt_verify,
)
from fastgate._core.auth.secret cimport secret_eq
from fastgate._core.auth.token_cache cimport (
    token_cache_counts, token_cache_counts_t, token_cache_free, token_cache_get, token_cache_new, token_cache_put,
    token_cache_t, token_entry_t, token_verdict_t,
)
from fastgate._core.auth.verify_key cimport (
    VERIFY_FINGERPRINT_BYTES, verifier_free, verifier_new, verifier_t, verify_key_free, verify_key_new, verify_key_t,
    verify_signature,
)
from fastgate._core.base.hash cimport hash_mix
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport MALFORMED, OK, TOO_LARGE
from fastgate._core.includes.libcrypto cimport *

RESULTS = (
    "ok", "bad parts", "bad base64", "bad header", "bad claims", "bad algorithm", "critical", "other algorithm",
    "bad signature", "claim missing", "claim mistyped", "expired", "not yet", "too long lived", "other audience",
)
TYPES = ("null", "false", "true", "number", "string", "array", "object")


cdef span_t _span(bytes data):
    return span_of(<const char *>data, <size_t>len(data))


cdef bytes _bytes(span_t s):
    return s.at[:s.len]


def open_library():
    """The problem, or an empty string."""
    return "" if crypto_open() == OK else crypto_problem().decode()


def are_equal_secrets(bytes a, bytes b):
    return secret_eq(_span(a), _span(b))


# ---- base64, digests, HMAC

cdef object _decoded(bytes text, bint is_url):
    cdef char *room = <char *>malloc(<size_t>len(text) + 1)
    cdef ssize_t n
    assert room != NULL
    n = base64url_decode(_span(text), room) if is_url else base64_decode(_span(text), room)
    found = None if n < 0 else <object>room[:n]
    free(room)
    return found


def base64url(bytes text):
    return _decoded(text, True)


def base64(bytes text):
    return _decoded(text, False)


def digest(unsigned kind, list pieces):
    cdef uint8_t out[DIGEST_MAX_BYTES]
    cdef digest_t state, copy
    digest_start(&state, kind)
    for piece in pieces:
        digest_add(&state, <const char *>(<bytes>piece), <size_t>len(piece))
        copy = state            # a copy that goes its own way changes nothing
        digest_add(&copy, b"x", 1)
        digest_end(&copy, out)
    digest_end(&state, out)
    return <bytes>(<const char *>out)[:digest_size(kind)]


def digest_many(unsigned kind, bytes data, int rounds):
    cdef uint8_t out[DIGEST_MAX_BYTES]
    cdef digest_t state
    cdef span_t c_data = _span(data)
    cdef int i
    with nogil:
        for i in range(rounds):
            digest_start(&state, kind)
            digest_add(&state, c_data.at, c_data.len)
            digest_end(&state, out)


def hmac(unsigned kind, bytes secret, list pieces, bytes expected=b""):
    """(the digest, whether it is the expected one)"""
    cdef uint8_t out[DIGEST_MAX_BYTES]
    cdef hmac_key_t key
    cdef hmac_t first, second
    hmac_key_set(&key, kind, _span(secret))
    hmac_start(&first, &key)
    hmac_start(&second, &key)
    for piece in pieces:
        hmac_add(&first, _span(piece))
        hmac_add(&second, _span(piece))
    hmac_end(&first, out)
    return <bytes>(<const char *>out)[:digest_size(kind)], hmac_is(&second, _span(expected))


# ---- JSON

def json(bytes text):
    """{name: (type, value)} of an object, or "malformed", or "too large". Numbers: (text, ms or None)."""
    cdef bytearray copy = bytearray(text)
    cdef json_object_t whole
    cdef json_member_t *member
    cdef int64_t ms
    cdef unsigned i
    memset(&whole, 0xAA, sizeof(whole))
    cdef int status = json_read(copy, <size_t>len(copy), &whole)
    if status != OK:
        return {MALFORMED: "malformed", TOO_LARGE: "too large"}[status]
    found = {}
    for i in range(whole.n_members):
        member = &whole.members[i]
        assert json_find(&whole, member.name) == member
        value = _bytes(member.value)
        if member.type == JSON_NUMBER:
            value = value, ms if json_number_ms(member, &ms) else None
        else:
            assert not json_number_ms(member, &ms)
        found[_bytes(member.name)] = TYPES[member.type], value
    return found


def array_has(bytes array, bytes text):
    return json_array_has(_span(array), _span(text))


def json_walk(bytes text):
    """[(name without escapes, value as it stands), …]; None: it is no object."""
    cdef json_walk_t walk
    cdef json_member_t member
    cdef bytearray room = bytearray(len(text) + 1)
    cdef list found = []
    json_walk_open(&walk, _span(text))
    while json_walk_next(&walk, &member):
        name = _bytes(json_unescape(member.name, room))
        assert json_raw_eq(member.name, _span(name))
        found.append((name, _bytes(member.value)))
    return found if walk.status == OK else None


# ---- keys and tokens

cdef class Key:
    cdef verify_key_t *key

    def __cinit__(self, bytes algorithm, bytes material):
        cdef const char *problem = NULL
        assert open_library() == ""
        self.key = verify_key_new(algorithm_of(_span(algorithm)), _span(material), &problem)
        if self.key == NULL:
            raise ValueError(problem.decode())

    def __dealloc__(self):
        verify_key_free(self.key)

    @property
    def fingerprint(self):
        return <bytes>(<const char *>self.key.fingerprint)[:VERIFY_FINGERPRINT_BYTES]


cdef class Verifier:
    cdef verifier_t *verifier

    def __cinit__(self):
        self.verifier = verifier_new()
        assert self.verifier != NULL

    def __dealloc__(self):
        verifier_free(self.verifier)

    def verify(self, Key key, bytes data, bytes signature):
        return verify_signature(self.verifier, key.key, _span(data), _span(signature))

    def verify_many(self, Key key, bytes data, bytes signature, int rounds):
        cdef span_t c_data = _span(data), c_signature = _span(signature)
        cdef int i, good = 0
        with nogil:
            for i in range(rounds):
                good += verify_signature(self.verifier, key.key, c_data, c_signature)
        return good

    def token_many(self, Key key, bytes token, int rounds):
        """Parses and verifies again and again without Python in between. How often it was good."""
        cdef jwt_t jwt
        cdef char *room = <char *>malloc(<size_t>len(token) + 1)
        cdef span_t c_token = _span(token)
        cdef int i, good = 0
        assert room != NULL
        with nogil:
            for i in range(rounds):
                good += jwt_parse(c_token, room, &jwt) == JWT_OK and jwt_verify(&jwt, key.key, self.verifier) == JWT_OK
        free(room)
        return good


cdef class Token:
    cdef jwt_t jwt
    cdef char *room
    cdef bytes text
    cdef readonly str result

    def __cinit__(self, bytes text):
        self.text = text
        self.room = <char *>malloc(<size_t>len(text) + 1)
        assert self.room != NULL
        memset(&self.jwt, 0xAA, sizeof(self.jwt))
        self.result = RESULTS[<int>jwt_parse(_span(self.text), self.room, &self.jwt)]

    def __dealloc__(self):
        free(self.room)

    def verify(self, Key key, Verifier verifier):
        assert self.result == "ok"
        return RESULTS[<int>jwt_verify(&self.jwt, key.key, verifier.verifier)]

    def claim(self, bytes name):
        cdef const json_member_t *member = jwt_claim(&self.jwt, _span(name))
        return None if member == NULL else (TYPES[member.type], _bytes(member.value))

    def key_claim(self, bytes name):
        cdef span_t found
        cdef jwt_result_t result = jwt_key_claim(&self.jwt, _span(name), &found)
        return _bytes(found) if result == JWT_OK else RESULTS[<int>result]

    def date(self, bytes name):
        cdef int64_t ms = 0
        cdef jwt_result_t result = jwt_date(&self.jwt, _span(name), &ms)
        return ms if result == JWT_OK else RESULTS[<int>result]

    def exp(self, int64_t now_ms, int64_t leeway_ms=0):
        return RESULTS[<int>jwt_check_exp(&self.jwt, now_ms, leeway_ms)]

    def nbf(self, int64_t now_ms, int64_t leeway_ms=0):
        return RESULTS[<int>jwt_check_nbf(&self.jwt, now_ms, leeway_ms)]

    def lifetime(self, int64_t now_ms, int64_t most_ms):
        return RESULTS[<int>jwt_check_lifetime(&self.jwt, now_ms, most_ms)]

    def aud(self, bytes audience):
        return RESULTS[<int>jwt_check_aud(&self.jwt, _span(audience))]


# ---- the cache

cdef class Cache:
    cdef token_cache_t *cache

    def __cinit__(self, uint32_t capacity, uint64_t seed=0):
        cdef uint64_t[2] seeds
        seeds[0], seeds[1] = seed, ~seed
        self.cache = token_cache_new(capacity, seeds)
        assert self.cache != NULL

    def __dealloc__(self):
        token_cache_free(self.cache)

    def get(self, bytes token, bytes scope, int64_t now_ms):
        """(value, refusal, until_ms), or None."""
        cdef token_verdict_t verdict
        assert len(scope) == 32
        if not token_cache_get(self.cache, _span(token), <const uint8_t *>(<const char *>scope), now_ms, &verdict):
            return None
        return verdict.value, verdict.refusal, verdict.until_ms

    def put(self, bytes token, bytes scope, uint64_t value, uint32_t refusal, int64_t until_ms, int64_t from_ms=0):
        cdef token_verdict_t verdict
        assert len(scope) == 32
        verdict.value = value
        verdict.refusal = refusal
        verdict.from_ms = from_ms
        verdict.until_ms = until_ms
        token_cache_put(self.cache, _span(token), <const uint8_t *>(<const char *>scope), &verdict)

    def chains(self):
        """The tokens kept, a list for each bucket that has any."""
        cdef token_entry_t *entry
        cdef uint32_t i
        cdef uint64_t k
        found = []
        for i in range(self.cache.n_shards):
            for k in range(self.cache.shards[i].mask + 1):
                entry = self.cache.shards[i].buckets[k]
                chain = []
                while entry != NULL:
                    chain.append(<bytes>(<char *>(entry + 1))[:entry.len])
                    entry = entry.chain
                if chain:
                    found.append(chain)
        return found

    def rename(self, bytes token, bytes other):
        """Writes the other token, of the same length, over the only one kept: as if both had one hash."""
        cdef uint64_t k
        assert len(token) == len(other) and self.cache.n_shards == 1
        for k in range(self.cache.shards[0].mask + 1):
            if self.cache.shards[0].buckets[k] != NULL:
                memcpy(self.cache.shards[0].buckets[k] + 1, <const char *>other, <size_t>len(other))

    def get_many(self, list tokens, bytes scope, int rounds):
        """Looks each token up `rounds` times without the GIL. How often one was found."""
        cdef Py_ssize_t n = len(tokens), i
        cdef span_t *spans = <span_t *>malloc(<size_t>n * sizeof(span_t))
        cdef const uint8_t *c_scope = <const uint8_t *>(<const char *>scope)
        cdef token_verdict_t verdict
        cdef size_t found = 0
        cdef int k
        assert spans != NULL
        for i in range(n):
            spans[i] = _span(tokens[i])
        with nogil:
            for k in range(rounds):
                for i in range(n):
                    found += token_cache_get(self.cache, spans[i], c_scope, 0, &verdict)
        free(spans)
        return found

    def churn(self, bytes prefix, bytes scope, int first, int rounds):
        """Puts and gets tokens of a small set without the GIL; from several threads. How many verdicts were another token's."""
        cdef const uint8_t *c_scope = <const uint8_t *>(<const char *>scope)
        cdef token_verdict_t verdict
        cdef char token[64]
        cdef size_t len_prefix = <size_t>len(prefix), wrong = 0
        cdef const char *c_prefix = prefix
        cdef int i
        cdef uint32_t number
        assert len_prefix + sizeof(number) <= sizeof(token)
        with nogil:
            memcpy(token, c_prefix, len_prefix)
            for i in range(rounds):
                number = <uint32_t>(hash_mix(<uint64_t>(first + i)) & 63)
                memcpy(token + len_prefix, &number, sizeof(number))
                if token_cache_get(self.cache, span_of(token, len_prefix + sizeof(number)), c_scope, i, &verdict):
                    wrong += verdict.value != number
                else:
                    verdict.value = number
                    verdict.refusal = number & 1
                    verdict.from_ms = 0
                    verdict.until_ms = i + 100
                    token_cache_put(self.cache, span_of(token, len_prefix + sizeof(number)), c_scope, &verdict)
        return wrong

    def counts(self):
        cdef token_cache_counts_t counts
        token_cache_counts(self.cache, &counts)
        return counts


# ---- libcrypto alone, to compare with

ctypedef unsigned long (*peek_error_fn)() noexcept nogil


def library_error():
    """The oldest error in this thread's queue; 0: none."""
    return (<peek_error_fn>dlsym(dlopen(b"libcrypto.so.3", RTLD_NOW), b"ERR_peek_error"))()


def library_verify_many(bytes der, str family, str md, bytes digest, bytes signature, int rounds):
    """The library's own EVP_PKEY_verify loop over a ready context, as `openssl speed` runs it. How often it was good."""
    cdef void *handle = dlopen(b"libcrypto.so.3", RTLD_NOW)
    cdef const uint8_t *at = <const uint8_t *>(<const char *>der)
    cdef EVP_PKEY *pkey = (<d2i_pubkey_fn>dlsym(handle, b"d2i_PUBKEY"))(NULL, &at, len(der))
    cdef EVP_PKEY_CTX *context = (<evp_pkey_ctx_new_fn>dlsym(handle, b"EVP_PKEY_CTX_new"))(pkey, NULL)
    cdef evp_pkey_verify_fn verify = <evp_pkey_verify_fn>dlsym(handle, b"EVP_PKEY_verify")
    cdef bytes md_name = b"EVP_" + md.encode()
    cdef const uint8_t *c_digest = <const uint8_t *>(<const char *>digest)
    cdef const uint8_t *c_signature = <const uint8_t *>(<const char *>signature)
    cdef size_t digest_len = <size_t>len(digest), signature_len = <size_t>len(signature)
    cdef int i, good = 0
    assert (<evp_pkey_verify_init_fn>dlsym(handle, b"EVP_PKEY_verify_init"))(context) == 1
    if family == "RS":
        assert (<evp_pkey_ctx_set_number_fn>dlsym(handle, b"EVP_PKEY_CTX_set_rsa_padding"))(context, RSA_PKCS1_PADDING) == 1
    assert (<evp_pkey_ctx_set_md_fn>dlsym(handle, b"EVP_PKEY_CTX_set_signature_md"))(
        context, (<evp_md_fn>dlsym(handle, md_name))()) == 1
    with nogil:
        for i in range(rounds):
            good += verify(context, c_signature, signature_len, c_digest, digest_len) == 1
    (<evp_pkey_ctx_free_fn>dlsym(handle, b"EVP_PKEY_CTX_free"))(context)
    (<evp_pkey_free_fn>dlsym(handle, b"EVP_PKEY_free"))(pkey)
    return good

"""What a jwt plugin asks of a token, and the verdict on one: its credential, signature, claims."""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastgate._core.auth.key_set cimport key_set_t
from fastgate._core.auth.token_cache cimport TOKEN_CACHE_SCOPE_BYTES, token_verdict_t
from fastgate._core.auth.verify_key cimport verifier_t
from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.authentication cimport credential_table_t
from fastgate._core.plugin.jwt_remote cimport jwt_remote_t


cdef enum jwt_refusal_t:
    # token_verdict_t.refusal: 0, or bits of these. The first ones cost a signature to find out.
    JWT_REFUSED_SIGNATURE = 1 << 0
    JWT_REFUSED_EXP_TYPE = 1 << 1           # missing, or no number
    JWT_REFUSED_EXPIRED = 1 << 2
    JWT_REFUSED_EXP_FAR = 1 << 3
    JWT_REFUSED_NBF_TYPE = 1 << 4
    JWT_REFUSED_NBF = 1 << 5
    JWT_REFUSED_ISSUER = 1 << 6
    JWT_REFUSED_AUDIENCE = 1 << 7
    JWT_REFUSED_CLAIMS = 0xfe               # several of them may be wrong
    JWT_REFUSED_LATE = 0xff
    # Found before: one alone, and not kept, so that they push out nothing.
    JWT_REFUSED_FORM = 1 << 8
    JWT_REFUSED_BASE64 = 1 << 9
    JWT_REFUSED_ALGORITHM_NAME = 1 << 10
    JWT_REFUSED_CRITICAL = 1 << 11
    JWT_REFUSED_NO_NAME = 1 << 12           # the key claim
    JWT_REFUSED_BAD_NAME = 1 << 13
    JWT_REFUSED_UNKNOWN = 1 << 14
    JWT_REFUSED_OTHER_ALGORITHM = 1 << 15
    JWT_REFUSED_KEY = 1 << 16
    JWT_REFUSED_NO_KEY = 1 << 17            # published
    JWT_REFUSED_CONSUMER = 0x7000           # with published keys these three do cost a signature


cdef struct jwt_rules_t:
    # Part of the plugin's struct. Owner: the snapshot's arena. Read-only after build.
    const jwt_remote_t *remote      # NULL: keys are credentials, named by
    span_t key_claim
    uint8_t is_base64               # secrets are
    uint8_t asks_exp
    uint8_t asks_nbf
    int64_t most_ms                 # `exp` may be this far ahead; 0: any
    int64_t leeway_ms
    span_t *issuers
    uint32_t n_issuers              # 0: any
    span_t *audiences
    uint32_t n_audiences            # 0: any
    uint8_t scope[TOKEN_CACHE_SCOPE_BYTES]  # of the token cache: these rules and all keys, but those published


# `remote`: or NULL.
cdef int jwt_rules_build(jwt_rules_t *rules, arena_t *arena, const jwt_remote_t *remote, const credential_table_t *table,
                         dict config) except -1

# The whole verdict; `value` is the credential's place in the table's rows, or JWT_NOBODY. `keys`: the published ones,
# if they are the rules'. `room`: as many bytes as the token.
cdef void jwt_rules_judge(const jwt_rules_t *rules, const credential_table_t *table, key_set_t *keys,
                          verifier_t *verifier, span_t token, char *room, int64_t now_ms, token_verdict_t *out) noexcept nogil
cdef bint jwt_rules_keep(const jwt_rules_t *rules, const token_verdict_t *verdict) noexcept nogil   # it cost a signature

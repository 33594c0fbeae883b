"""Judging a token: taken apart, its credential found, its signature verified, then its claims."""

import json

from libc.stdint cimport int64_t, uint32_t

from fastgate._core.auth.json cimport JSON_STRING, json_member_t
from fastgate._core.auth.jwt cimport (
    JWT_BAD_ALGORITHM,
    JWT_BAD_BASE64,
    JWT_CLAIM_MISSING,
    JWT_CRITICAL,
    JWT_EXPIRED,
    JWT_NOT_YET,
    JWT_OK,
    JWT_OTHER_ALGORITHM,
    jwt_check_aud,
    jwt_check_exp,
    jwt_check_lifetime,
    jwt_check_nbf,
    jwt_claim,
    jwt_date,
    jwt_key_claim,
    jwt_parse,
    jwt_result_t,
    jwt_t,
    jwt_verify,
)
from fastgate._core.auth.verify_key cimport verify_key_t
from fastgate._core.base.span cimport span_eq, span_of
from fastgate._core.plugin.authentication cimport credential_find, credential_t
from fastgate._core.plugin.jwt_keys cimport jwt_key_of, jwt_keys_scope
from fastgate._core.plugin.jwt_remote cimport jwt_remote_scope, jwt_remote_verify
from fastgate._core.snapshot.keep cimport keep_bytes, keep_text, keep_texts


cdef enum:
    ACCEPTED_MOST_MS = 3600000      # kept no longer, whatever `exp` says
    REFUSED_MOST_MS = 60000
    MS_PER_SECOND = 1000


cdef void _cap(token_verdict_t *out, int64_t until_ms) noexcept nogil:
    if until_ms < out.until_ms:
        out.until_ms = until_ms


# ---- its form, and whose it is

cdef uint32_t _of_form(jwt_result_t result) noexcept nogil:
    if result == JWT_BAD_BASE64:
        return JWT_REFUSED_BASE64
    if result == JWT_BAD_ALGORITHM:
        return JWT_REFUSED_ALGORITHM_NAME
    return JWT_REFUSED_CRITICAL if result == JWT_CRITICAL else JWT_REFUSED_FORM


cdef uint32_t _verify(const jwt_rules_t *rules, const credential_table_t *table, verifier_t *verifier, const jwt_t *jwt,
                      token_verdict_t *out) noexcept nogil:
    """The credential decides on the algorithm, never the token."""
    cdef const credential_t *credential
    cdef const verify_key_t *key
    cdef span_t name
    cdef jwt_result_t result = jwt_key_claim(jwt, rules.key_claim, &name)
    if result != JWT_OK:
        return JWT_REFUSED_NO_NAME if result == JWT_CLAIM_MISSING else JWT_REFUSED_BAD_NAME
    credential = credential_find(table, name)
    if credential == NULL:
        return JWT_REFUSED_UNKNOWN
    out.value = <uint32_t>(credential - table.rows)
    key = jwt_key_of(credential, rules.is_base64)
    if key == NULL:
        return JWT_REFUSED_KEY
    result = jwt_verify(jwt, key, verifier)
    if result == JWT_OTHER_ALGORITHM:
        return JWT_REFUSED_OTHER_ALGORITHM
    return 0 if result == JWT_OK else JWT_REFUSED_SIGNATURE


# ---- claims

cdef uint32_t _check_exp(const jwt_rules_t *rules, const jwt_t *jwt, int64_t now_ms, token_verdict_t *out) noexcept nogil:
    cdef int64_t date = 0
    cdef jwt_result_t result = jwt_check_exp(jwt, now_ms, rules.leeway_ms)
    if result != JWT_OK:
        return JWT_REFUSED_EXPIRED if result == JWT_EXPIRED else JWT_REFUSED_EXP_TYPE
    jwt_date(jwt, span_of(b"exp", 3), &date)
    _cap(out, date + rules.leeway_ms)
    return 0


cdef uint32_t _check_nbf(const jwt_rules_t *rules, const jwt_t *jwt, int64_t now_ms, token_verdict_t *out) noexcept nogil:
    cdef int64_t date = 0
    cdef jwt_result_t result = jwt_check_nbf(jwt, now_ms, rules.leeway_ms)
    if result != JWT_OK and result != JWT_NOT_YET:
        return JWT_REFUSED_NBF_TYPE
    jwt_date(jwt, span_of(b"nbf", 3), &date)
    if result == JWT_NOT_YET:
        _cap(out, date - rules.leeway_ms)       # then it is judged anew
        return JWT_REFUSED_NBF
    out.from_ms = date - rules.leeway_ms
    return 0


cdef bint _has_issuer(const jwt_rules_t *rules, const jwt_t *jwt) noexcept nogil:
    cdef const json_member_t *issuer = jwt_claim(jwt, span_of(b"iss", 3))
    cdef uint32_t i
    if issuer == NULL or issuer.type != JSON_STRING:
        return False
    for i in range(rules.n_issuers):
        if span_eq(issuer.value, rules.issuers[i]):
            return True
    return False


cdef bint _has_audience(const jwt_rules_t *rules, const jwt_t *jwt) noexcept nogil:
    cdef uint32_t i
    for i in range(rules.n_audiences):
        if jwt_check_aud(jwt, rules.audiences[i]) == JWT_OK:
            return True
    return False


cdef uint32_t _check_claims(const jwt_rules_t *rules, const jwt_t *jwt, int64_t now_ms, token_verdict_t *out) noexcept nogil:
    cdef uint32_t refusal = 0
    cdef int64_t date = 0
    if rules.asks_exp:
        refusal |= _check_exp(rules, jwt, now_ms, out)
    if rules.asks_nbf:
        refusal |= _check_nbf(rules, jwt, now_ms, out)
    if rules.n_issuers and not _has_issuer(rules, jwt):
        refusal |= <uint32_t>JWT_REFUSED_ISSUER
    if rules.n_audiences and not _has_audience(rules, jwt):
        refusal |= <uint32_t>JWT_REFUSED_AUDIENCE
    if refusal == 0 and rules.most_ms and jwt_check_lifetime(jwt, now_ms, rules.most_ms) != JWT_OK:
        jwt_date(jwt, span_of(b"exp", 3), &date)
        _cap(out, date - rules.most_ms)
        refusal = JWT_REFUSED_EXP_FAR
    return refusal


cdef bint jwt_rules_keep(const jwt_rules_t *rules, const token_verdict_t *verdict) noexcept nogil:
    cdef uint32_t costly = <uint32_t>JWT_REFUSED_LATE
    if rules.remote != NULL:
        costly |= <uint32_t>JWT_REFUSED_CONSUMER
    return not verdict.refusal & ~costly


cdef void jwt_rules_judge(const jwt_rules_t *rules, const credential_table_t *table, key_set_t *keys,
                          verifier_t *verifier, span_t token, char *room, int64_t now_ms, token_verdict_t *out) noexcept nogil:
    cdef jwt_t jwt
    cdef jwt_result_t result = jwt_parse(token, room, &jwt)
    out.value = 0
    out.from_ms = 0
    out.until_ms = now_ms + ACCEPTED_MOST_MS
    if result != JWT_OK:
        out.refusal = _of_form(result)
    elif rules.remote != NULL:
        out.refusal = jwt_remote_verify(rules.remote, table, keys, verifier, &jwt, &out.value)
    else:
        out.refusal = _verify(rules, table, verifier, &jwt, out)
    if out.refusal == 0:
        out.refusal = _check_claims(rules, &jwt, now_ms, out)
    if out.refusal:
        out.from_ms = 0
        _cap(out, now_ms + REFUSED_MOST_MS)


# ---- building

cdef int jwt_rules_build(jwt_rules_t *rules, arena_t *arena, const jwt_remote_t *remote, const credential_table_t *table,
                         dict config) except -1:
    cdef span_t settings
    cdef list claims = sorted(config["claims_to_verify"] or [])
    cdef list issuers = sorted(config["issuers"] or [])
    cdef list audiences = sorted(config["audience"] or [])
    rules.remote = remote
    keep_text(arena, config["key_claim_name"], &rules.key_claim)
    rules.is_base64 = config["secret_is_base64"]
    rules.asks_exp = "exp" in claims
    rules.asks_nbf = "nbf" in claims
    rules.most_ms = <int64_t>config["maximum_expiration"] * MS_PER_SECOND
    rules.leeway_ms = <int64_t>config["leeway"] * MS_PER_SECOND
    rules.issuers = keep_texts(arena, issuers, &rules.n_issuers)
    rules.audiences = keep_texts(arena, audiences, &rules.n_audiences)
    # All that a verdict depends on, but the keys: plugins that agree in it share verdicts.
    keep_bytes(arena, json.dumps([
        config["key_claim_name"], config["secret_is_base64"], claims, issuers, audiences,
        config["maximum_expiration"], config["leeway"],
        [config["jwks_uri"], config["jwks_ca_file"], config["consumer_claim"], config["consumer_by"], config["consumer_optional"]],
    ]).encode(), &settings)
    if remote != NULL:
        jwt_remote_scope(remote, table, settings, rules.scope)
    else:
        jwt_keys_scope(table, settings, rules.scope)
    return 0

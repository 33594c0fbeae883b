"""A token's way: three parts, base64url, two JSON objects; then its key; then its claims."""

from libc.stdint cimport int64_t
from libc.string cimport memchr

from fastgate._core.auth.algorithm cimport ALGORITHM_UNKNOWN, algorithm_of
from fastgate._core.auth.base64 cimport base64url_decode
from fastgate._core.auth.json cimport (
    JSON_ARRAY, JSON_STRING, json_array_has, json_find, json_member_t, json_number_ms, json_read,
)
from fastgate._core.auth.verify_key cimport verifier_t, verify_key_t, verify_signature
from fastgate._core.base.span cimport span_eq, span_none, span_of, span_t
from fastgate._core.base.status cimport OK


cdef inline span_t _until_dot(span_t *rest) noexcept nogil:
    """The part before the next dot, which `rest` then begins after; .at NULL: there is no dot."""
    cdef const char *dot = <const char *>memchr(rest.at, c'.', rest.len)
    cdef span_t part = span_none()
    if dot != NULL:
        part = span_of(rest.at, <size_t>(dot - rest.at))
        rest[0] = span_of(dot + 1, rest.len - part.len - 1)
    return part


cdef bint jwt_split(span_t token, span_t *parts) noexcept nogil:
    parts[2] = token
    if token.len > JWT_MAX_BYTES or token.len == 0:
        return False
    parts[0] = _until_dot(&parts[2])
    parts[1] = _until_dot(&parts[2])
    return parts[0].len != 0 and parts[1].len != 0 and memchr(parts[2].at, c'.', parts[2].len) == NULL


cdef jwt_result_t jwt_parse(span_t token, char *room, jwt_t *out) noexcept nogil:
    cdef span_t parts[3]
    cdef const json_member_t *algorithm
    cdef ssize_t header_len, claims_len, signature_len
    if not jwt_split(token, parts):
        return JWT_BAD_PARTS
    out.signed_text = span_of(token.at, parts[0].len + 1 + parts[1].len)

    header_len = base64url_decode(parts[0], room)
    if header_len < 0:
        return JWT_BAD_BASE64
    claims_len = base64url_decode(parts[1], room + header_len)
    if claims_len < 0:
        return JWT_BAD_BASE64
    signature_len = base64url_decode(parts[2], room + header_len + claims_len)
    if signature_len < 0:
        return JWT_BAD_BASE64
    out.signature = span_of(room + header_len + claims_len, <size_t>signature_len)

    if json_read(room, <size_t>header_len, &out.header) != OK:
        return JWT_BAD_HEADER
    if json_find(&out.header, span_of(b"crit", 4)) != NULL or json_find(&out.header, span_of(b"b64", 3)) != NULL:
        return JWT_CRITICAL
    algorithm = json_find(&out.header, span_of(b"alg", 3))
    if algorithm == NULL or algorithm.type != JSON_STRING:
        return JWT_BAD_ALGORITHM
    out.algorithm = algorithm_of(algorithm.value)
    if out.algorithm == ALGORITHM_UNKNOWN:
        return JWT_BAD_ALGORITHM
    return JWT_OK if json_read(room + header_len, <size_t>claims_len, &out.claims) == OK else JWT_BAD_CLAIMS


cdef jwt_result_t jwt_verify(const jwt_t *jwt, const verify_key_t *key, verifier_t *verifier) noexcept nogil:
    if jwt.algorithm != key.algorithm:
        return JWT_OTHER_ALGORITHM
    return JWT_OK if verify_signature(verifier, key, jwt.signed_text, jwt.signature) else JWT_BAD_SIGNATURE


# ---- claims

cdef const json_member_t *jwt_claim(const jwt_t *jwt, span_t name) noexcept nogil:
    return json_find(&jwt.claims, name)


cdef jwt_result_t jwt_key_claim(const jwt_t *jwt, span_t name, span_t *value_out) noexcept nogil:
    cdef const json_member_t *member = json_find(&jwt.claims, name)
    if member == NULL:
        member = json_find(&jwt.header, name)
    if member == NULL:
        return JWT_CLAIM_MISSING
    if member.type != JSON_STRING or member.value.len == 0:
        return JWT_CLAIM_MISTYPED
    value_out[0] = member.value
    return JWT_OK


cdef jwt_result_t jwt_date(const jwt_t *jwt, span_t name, int64_t *ms_out) noexcept nogil:
    cdef const json_member_t *member = json_find(&jwt.claims, name)
    if member == NULL:
        return JWT_CLAIM_MISSING
    return JWT_OK if json_number_ms(member, ms_out) else JWT_CLAIM_MISTYPED


cdef jwt_result_t jwt_check_exp(const jwt_t *jwt, int64_t now_ms, int64_t leeway_ms) noexcept nogil:
    cdef int64_t date = 0
    cdef jwt_result_t result = jwt_date(jwt, span_of(b"exp", 3), &date)
    if result != JWT_OK:
        return result
    return JWT_OK if now_ms < date + leeway_ms else JWT_EXPIRED         # RFC 7519 section 4.1.4: on or after


cdef jwt_result_t jwt_check_nbf(const jwt_t *jwt, int64_t now_ms, int64_t leeway_ms) noexcept nogil:
    cdef int64_t date = 0
    cdef jwt_result_t result = jwt_date(jwt, span_of(b"nbf", 3), &date)
    if result != JWT_OK:
        return result
    return JWT_OK if now_ms >= date - leeway_ms else JWT_NOT_YET


cdef jwt_result_t jwt_check_lifetime(const jwt_t *jwt, int64_t now_ms, int64_t most_ms) noexcept nogil:
    cdef int64_t date = 0
    cdef jwt_result_t result = jwt_date(jwt, span_of(b"exp", 3), &date)
    if result != JWT_OK:
        return result
    return JWT_OK if date - now_ms <= most_ms else JWT_TOO_LONG_LIVED


cdef jwt_result_t jwt_check_aud(const jwt_t *jwt, span_t audience) noexcept nogil:
    cdef const json_member_t *member = json_find(&jwt.claims, span_of(b"aud", 3))
    if member == NULL:
        return JWT_CLAIM_MISSING
    if member.type == JSON_STRING:
        return JWT_OK if span_eq(member.value, audience) else JWT_OTHER_AUDIENCE
    if member.type == JSON_ARRAY:
        return JWT_OK if json_array_has(member.value, audience) else JWT_OTHER_AUDIENCE
    return JWT_CLAIM_MISTYPED

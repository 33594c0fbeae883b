"""JSON Web Tokens in compact form (RFC 7515, RFC 7519): taken apart, verified, their claims asked.

What a refusal is called on the wire is the plugin's business; the results here tell the cases apart.
"""

from libc.stdint cimport int64_t, uint8_t

from fastgate._core.auth.json cimport json_member_t, json_object_t
from fastgate._core.auth.verify_key cimport verifier_t, verify_key_t
from fastgate._core.base.span cimport span_t


cdef enum:
    JWT_MAX_BYTES = 65536           # the head's own limits are smaller


cdef enum jwt_result_t:
    JWT_OK = 0
    # jwt_parse: a bad token
    JWT_BAD_PARTS = 1               # not three parts, an empty header or claims part, too long
    JWT_BAD_BASE64 = 2
    JWT_BAD_HEADER = 3              # not a JSON object, or not strict JSON
    JWT_BAD_CLAIMS = 4              # likewise
    JWT_BAD_ALGORITHM = 5           # `alg` missing, not a string, `none`, or unknown
    JWT_CRITICAL = 6                # `crit` or `b64`: asks for an extension that nobody here understands
    # jwt_verify
    JWT_OTHER_ALGORITHM = 7         # not the credential's
    JWT_BAD_SIGNATURE = 8
    # the claims
    JWT_CLAIM_MISSING = 9
    JWT_CLAIM_MISTYPED = 10
    JWT_EXPIRED = 11
    JWT_NOT_YET = 12
    JWT_TOO_LONG_LIVED = 13
    JWT_OTHER_AUDIENCE = 14


cdef struct jwt_t:
    # A value on the caller's stack or in a lane: some 5 KiB, filled by jwt_parse. Points into the token and its room.
    span_t signed_text              # header and claims as they were sent: what the signature is over
    span_t signature
    json_object_t header
    json_object_t claims
    uint8_t algorithm               # algorithm_t


# The cheap look before the cache is asked: three parts, of which only the signature may be empty.
cdef bint jwt_split(span_t token, span_t *parts) noexcept nogil

# `room` takes the decoded parts: as many bytes as the token. Only after JWT_OK does `out` hold something.
cdef jwt_result_t jwt_parse(span_t token, char *room, jwt_t *out) noexcept nogil

# JWT_OK, JWT_OTHER_ALGORITHM or JWT_BAD_SIGNATURE. The key was made for the credential's algorithm.
cdef jwt_result_t jwt_verify(const jwt_t *jwt, const verify_key_t *key, verifier_t *verifier) noexcept nogil

# The claim, or else the header member, that names the key: JWT_OK, JWT_CLAIM_MISSING, or JWT_CLAIM_MISTYPED: no
# string, or an empty one.
cdef jwt_result_t jwt_key_claim(const jwt_t *jwt, span_t name, span_t *value_out) noexcept nogil
cdef const json_member_t *jwt_claim(const jwt_t *jwt, span_t name) noexcept nogil                       # NULL: none

# A NumericDate in milliseconds. JWT_OK, JWT_CLAIM_MISSING or JWT_CLAIM_MISTYPED.
cdef jwt_result_t jwt_date(const jwt_t *jwt, span_t name, int64_t *ms_out) noexcept nogil

# Whether the time has come and not passed, give or take the leeway. A missing claim is JWT_CLAIM_MISSING.
cdef jwt_result_t jwt_check_exp(const jwt_t *jwt, int64_t now_ms, int64_t leeway_ms) noexcept nogil
cdef jwt_result_t jwt_check_nbf(const jwt_t *jwt, int64_t now_ms, int64_t leeway_ms) noexcept nogil

# Whether `exp` is at most this far ahead: JWT_TOO_LONG_LIVED.
cdef jwt_result_t jwt_check_lifetime(const jwt_t *jwt, int64_t now_ms, int64_t most_ms) noexcept nogil

# Whether `aud`, a string or an array of strings, names this audience.
cdef jwt_result_t jwt_check_aud(const jwt_t *jwt, span_t audience) noexcept nogil

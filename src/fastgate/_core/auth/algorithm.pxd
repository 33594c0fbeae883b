"""Signature algorithms of JOSE (RFC 7518 section 3.1, RFC 8037): names to numbers, and what each is made of.

`none` is not among them, so nothing can ask for it.
"""

from libc.stdint cimport uint8_t

from fastgate._core.auth.crypto cimport DIGEST_SHA256
from fastgate._core.base.span cimport span_t


cdef enum algorithm_t:
    # Four families of three sizes, in order: number = 1 + 3 * family + size.
    ALGORITHM_UNKNOWN = 0
    ALGORITHM_HS256 = 1
    ALGORITHM_HS384 = 2
    ALGORITHM_HS512 = 3
    ALGORITHM_RS256 = 4
    ALGORITHM_RS384 = 5
    ALGORITHM_RS512 = 6
    ALGORITHM_PS256 = 7
    ALGORITHM_PS384 = 8
    ALGORITHM_PS512 = 9
    ALGORITHM_ES256 = 10
    ALGORITHM_ES384 = 11
    ALGORITHM_ES512 = 12
    ALGORITHM_EDDSA = 13


cdef enum family_t:
    FAMILY_HS = 0
    FAMILY_RS = 1
    FAMILY_PS = 2
    FAMILY_ES = 3
    FAMILY_EDDSA = 4


cdef inline uint8_t algorithm_of(span_t name) noexcept nogil:
    """The number of a name, exactly as it is registered."""
    cdef unsigned family, size
    if name.len == 5 and name.at[0] == c'E' and name.at[1] == c'd' and name.at[2] == c'D' and name.at[3] == c'S' and name.at[4] == c'A':
        return ALGORITHM_EDDSA
    if name.len != 5 or name.at[1] != c'S':
        return ALGORITHM_UNKNOWN
    if name.at[0] == c'H':
        family = FAMILY_HS
    elif name.at[0] == c'R':
        family = FAMILY_RS
    elif name.at[0] == c'P':
        family = FAMILY_PS
    elif name.at[0] == c'E':
        family = FAMILY_ES
    else:
        return ALGORITHM_UNKNOWN
    if name.at[2] == c'2' and name.at[3] == c'5' and name.at[4] == c'6':
        size = 0
    elif name.at[2] == c'3' and name.at[3] == c'8' and name.at[4] == c'4':
        size = 1
    elif name.at[2] == c'5' and name.at[3] == c'1' and name.at[4] == c'2':
        size = 2
    else:
        return ALGORITHM_UNKNOWN
    return <uint8_t>(1 + 3 * family + size)


cdef inline unsigned algorithm_family(unsigned algorithm) noexcept nogil:
    return (algorithm - 1) // 3


cdef inline unsigned algorithm_digest(unsigned algorithm) noexcept nogil:
    """Its kind of digest, DIGEST_SHA…: EdDSA has none of its own."""
    return DIGEST_SHA256 + (algorithm - 1) % 3


cdef inline unsigned algorithm_coordinate_bytes(unsigned algorithm) noexcept nogil:
    """Of ES256, ES384, ES512: how long each half of a signature is (RFC 7518 section 3.4)."""
    return 32 if algorithm == ALGORITHM_ES256 else 48 if algorithm == ALGORITHM_ES384 else 66

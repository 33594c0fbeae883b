"""Numbers as decimal digits, from left to right, into memory known to be large enough."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy


cdef extern from * nogil:
    """
    #ifndef FASTGATE_DECIMAL
    #define FASTGATE_DECIMAL
    static const char fg_digit_pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    #endif
    """
    const char *DIGIT_PAIRS "fg_digit_pairs"


cdef enum:
    DECIMAL_BYTES = 20          # of the largest uint64_t


cdef inline char *put_pair(char *out, uint32_t v) noexcept nogil:
    """Exactly two digits of v < 100."""
    memcpy(out, DIGIT_PAIRS + 2 * v, 2)
    return out + 2


cdef inline char *put_four(char *out, uint32_t v) noexcept nogil:
    """Exactly four digits of v < 10,000."""
    return put_pair(put_pair(out, v // 100), v % 100)


cdef inline char *put_up_to_four(char *out, uint32_t v) noexcept nogil:
    if v >= 1000:
        return put_four(out, v)
    if v >= 100:
        out[0] = <char>(c'0' + v // 100)
        return put_pair(out + 1, v % 100)
    if v >= 10:
        return put_pair(out, v)
    out[0] = <char>(c'0' + v)
    return out + 1


cdef inline char *put_up_to_eight(char *out, uint32_t v) noexcept nogil:
    if v < 10000:
        return put_up_to_four(out, v)
    return put_four(put_up_to_four(out, v // 10000), v % 10000)


cdef inline char *put_eight(char *out, uint32_t v) noexcept nogil:
    """Exactly eight digits of v < 100,000,000."""
    return put_four(put_four(out, v // 10000), v % 10000)


cdef inline char *put_decimal(char *out, uint64_t v) noexcept nogil:
    """As few digits as v needs, DECIMAL_BYTES at most; the new end. 64-bit division is a call on 32-bit ARM: few of them."""
    cdef uint64_t high
    if v < 100000000:
        return put_up_to_eight(out, <uint32_t>v)
    high = v // 100000000
    if high < 100000000:
        out = put_up_to_eight(out, <uint32_t>high)
    else:
        out = put_up_to_four(out, <uint32_t>(high // 100000000))
        out = put_eight(out, <uint32_t>(high % 100000000))
    return put_eight(out, <uint32_t>(v % 100000000))

"""Appending text to memory known to be large enough: each function returns the new end."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.base.span cimport span_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_TEXT
    #define FASTGATE_TEXT
    #include <stdint.h>
    #include <string.h>
    /* For literals: strlen and memcpy fold to a few stores. */
    static inline char *fg_put_text(char *out, const char *text)
    { size_t n = strlen(text); memcpy(out, text, n); return out + n; }
    static const char fg_digit_pairs[] =
        "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
        "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
        "8081828384858687888990919293949596979899";
    #endif
    """
    char *put_text "fg_put_text"(char *out, const char *text)
    const char *DIGIT_PAIRS "fg_digit_pairs"


cdef inline char *put_span(char *out, span_t s) noexcept nogil:
    if s.len:
        memcpy(out, s.at, s.len)
    return out + s.len


cdef inline char *put_pair(char *out, uint32_t v) noexcept nogil:
    """Exactly two digits of v < 100."""
    memcpy(out, DIGIT_PAIRS + 2 * v, 2)
    return out + 2


cdef inline char *put_decimal(char *out, uint64_t v) noexcept nogil:
    """As few digits as v needs, 20 at most."""
    cdef char digits[20]
    cdef char *at = digits + 20
    cdef uint32_t low
    while v >> 32:                  # 64-bit division is a call on 32-bit ARM: few of them
        at -= 2
        put_pair(at, <uint32_t>(v % 100))
        v //= 100
    low = <uint32_t>v
    while low >= 100:
        at -= 2
        put_pair(at, low % 100)
        low //= 100
    if low >= 10:
        at -= 2
        put_pair(at, low)
    else:
        at -= 1
        at[0] = <char>(c'0' + low)
    memcpy(out, at, digits + 20 - at)
    return out + (digits + 20 - at)


cdef inline char *put_milliseconds(char *out, uint64_t ns) noexcept nogil:
    """Milliseconds with three decimals: "1.234"."""
    cdef uint64_t us = ns // 1000
    cdef uint32_t rest = <uint32_t>(us % 1000)
    out = put_decimal(out, us // 1000)
    out[0] = c'.'
    out[1] = <char>(c'0' + rest // 100)
    return put_pair(out + 2, rest % 100)

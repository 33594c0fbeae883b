"""Appending text to memory known to be large enough: each function returns the new end."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.copy cimport copy_bytes
from fastgate._core.base.decimal cimport put_decimal, put_pair
from fastgate._core.base.span cimport span_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_TEXT
    #define FASTGATE_TEXT
    #include <string.h>
    /* For literals: strlen and memcpy fold to a few stores. */
    static inline char *fg_put_text(char *out, const char *text)
    { size_t n = strlen(text); memcpy(out, text, n); return out + n; }
    #endif
    """
    char *put_text "fg_put_text"(char *out, const char *text)


cdef inline char *put_span(char *out, span_t s) noexcept nogil:
    copy_bytes(out, s.at, s.len)
    return out + s.len


cdef inline char *put_milliseconds(char *out, uint64_t ns) noexcept nogil:
    """Milliseconds with three decimals: "1.234"."""
    cdef uint64_t us = ns // 1000
    cdef uint32_t rest
    if us >> 32 == 0:               # nearly always; 64-bit division is a call on 32-bit ARM
        rest = <uint32_t>us % 1000
        out = put_decimal(out, <uint32_t>us // 1000)
    else:
        rest = <uint32_t>(us % 1000)
        out = put_decimal(out, us // 1000)
    out[0] = c'.'
    out[1] = <char>(c'0' + rest // 100)
    return put_pair(out + 2, rest % 100)

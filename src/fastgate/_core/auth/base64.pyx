"""Base64 to bytes, four letters at a time; whether a letter was foreign is asked once a group."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memset

from fastgate._core.base.span cimport span_of, span_t


cdef enum:
    FOREIGN = 0x80      # not of the alphabet: larger than any value of six bits


cdef uint8_t _url[256]
cdef uint8_t _standard[256]


cdef void _fill(uint8_t *values, char of_62, char of_63) noexcept nogil:
    cdef unsigned i
    memset(values, FOREIGN, 256)
    for i in range(26):
        values[65 + i] = <uint8_t>i
        values[97 + i] = <uint8_t>(26 + i)
    for i in range(10):
        values[48 + i] = <uint8_t>(52 + i)
    values[<uint8_t>of_62] = 62
    values[<uint8_t>of_63] = 63


_fill(_url, c'-', c'_')
_fill(_standard, c'+', c'/')


cdef ssize_t _decode(const uint8_t *values, span_t text, char *out) noexcept nogil:
    cdef const uint8_t *at = <const uint8_t *>text.at
    cdef const uint8_t *end = at + (text.len & ~<size_t>3)
    cdef uint8_t *to = <uint8_t *>out
    cdef uint32_t a, b, c, d
    cdef size_t rest = text.len & 3
    if rest == 1:
        return -1
    while at < end:
        a = values[at[0]]
        b = values[at[1]]
        c = values[at[2]]
        d = values[at[3]]
        if (a | b | c | d) & FOREIGN:
            return -1
        a = a << 18 | b << 12 | c << 6 | d
        to[0] = <uint8_t>(a >> 16)
        to[1] = <uint8_t>(a >> 8)
        to[2] = <uint8_t>a
        at += 4
        to += 3
    if rest:
        a = values[at[0]]
        b = values[at[1]]
        c = values[at[2]] if rest == 3 else 0
        if (a | b | c) & FOREIGN or (b & 15 if rest == 2 else c & 3):
            return -1
        to[0] = <uint8_t>(a << 2 | b >> 4)
        to += 1
        if rest == 3:
            to[0] = <uint8_t>(b << 4 | c >> 2)
            to += 1
    return to - <uint8_t *>out


cdef ssize_t base64url_decode(span_t text, char *out) noexcept nogil:
    return _decode(_url, text, out)


cdef ssize_t base64_decode(span_t text, char *out) noexcept nogil:
    if text.len & 3:
        return -1
    if text.len and text.at[text.len - 1] == c'=':
        text = span_of(text.at, text.len - (2 if text.at[text.len - 2] == c'=' else 1))
    return _decode(_standard, text, out)

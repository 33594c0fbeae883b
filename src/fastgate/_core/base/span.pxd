"""A view into bytes that somebody else owns. Never freed, never NUL-terminated."""

from libc.string cimport memcmp, strlen


cdef extern from * nogil:
    """
    #ifndef FASTGATE_SPAN
    #define FASTGATE_SPAN
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>
    #define FG_ALL(b) (UINT64_C(0x0101010101010101) * (b))
    /* Do two words differ in the case of ASCII letters at most? */
    static inline int fg_word_ieq(uint64_t a, uint64_t b)
    {
        uint64_t differs = a ^ b, lower = a | FG_ALL(0x20), low = lower & FG_ALL(0x7f), letters;
        if (differs == 0) return 1;
        if (differs & ~FG_ALL(0x20)) return 0;
        letters = (low + FG_ALL(0x80 - 'a')) & ~(low + FG_ALL(0x7f - 'z')) & ~lower & FG_ALL(0x80);
        return ((differs << 2) & ~letters) == 0;
    }
    /* Up to seven bytes in one word, the rest of it zero; two loads that may overlap where there are four. */
    static inline uint64_t fg_few(const char *at, size_t n)
    {
        uint32_t first, last;
        if (n >= 4) {
            memcpy(&first, at, 4);
            memcpy(&last, at + n - 4, 4);
            return (uint64_t)last << 32 | first;
        }
        if (n == 0) return 0;
        return (uint64_t)(uint8_t)at[0] | (uint64_t)(uint8_t)at[n / 2] << 8 | (uint64_t)(uint8_t)at[n - 1] << 16;
    }
    static inline int fg_ieq(const char *a, const char *b, size_t n)
    {
        uint64_t x, y;
        size_t i;
        if (n < 8) return fg_word_ieq(fg_few(a, n), fg_few(b, n));
        for (i = 0; ; i = i + 16 <= n ? i + 8 : n - 8) {
            memcpy(&x, a + i, 8);
            memcpy(&y, b + i, 8);
            if (!fg_word_ieq(x, y)) return 0;
            if (i + 8 == n) return 1;
        }
    }
    #endif
    """
    bint same_but_case "fg_ieq"(const char *a, const char *b, size_t n)


cdef struct span_t:
    # A value: points into memory that lives longer than every copy of it.
    const char *at
    size_t len


cdef inline span_t span_of(const char *at, size_t len) noexcept nogil:
    cdef span_t s
    s.at = at
    s.len = len
    return s


cdef inline span_t span_text(const char *text) noexcept nogil:
    """A literal: the compiler knows its length."""
    return span_of(text, strlen(text))


cdef inline span_t span_none() noexcept nogil:
    return span_of(NULL, 0)


cdef inline bint span_eq(span_t a, span_t b) noexcept nogil:
    return a.len == b.len and (a.len == 0 or memcmp(a.at, b.at, a.len) == 0)


cdef inline char ascii_lower(char c) noexcept nogil:
    return c + 32 if c'A' <= c <= c'Z' else c


cdef inline bint span_ieq(span_t a, span_t b) noexcept nogil:
    """Equality without regard to ASCII case (RFC 9110 section 5.1, field names)."""
    return a.len == b.len and same_but_case(a.at, b.at, a.len)


cdef inline span_t span_trim(span_t s) noexcept nogil:
    """Without leading and trailing spaces and tabs (RFC 9110 section 5.5, OWS)."""
    while s.len > 0 and (s.at[0] == c' ' or s.at[0] == c'\t'):
        s.at += 1
        s.len -= 1
    while s.len > 0 and (s.at[s.len - 1] == c' ' or s.at[s.len - 1] == c'\t'):
        s.len -= 1
    return s

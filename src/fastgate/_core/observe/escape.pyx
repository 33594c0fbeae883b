"""Escaping for log lines: eight bytes at a time while nothing needs it."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.base.span cimport span_t
from fastgate._core.observe.text cimport put_text


cdef extern from * nogil:
    """
    static const char fg_hex_digits[] = "0123456789abcdef";
    #define FG_EACH(b)    (UINT64_C(0x0101010101010101) * (b))
    /* Non-zero when some byte of w is zero, or below n (n <= 128). */
    #define FG_HAS_ZERO(w)     (((w) - FG_EACH(1)) & ~(w) & FG_EACH(0x80))
    #define FG_HAS_BELOW(w, n) (((w) - FG_EACH(n)) & ~(w) & FG_EACH(0x80))
    /* Non-zero when a byte is not plain: a control, quote, backslash, DEL or not ASCII. */
    static inline uint64_t fg_not_plain(uint64_t w)
    {
        return (w & FG_EACH(0x80)) | FG_HAS_BELOW(w, 0x20) | FG_HAS_ZERO(w ^ FG_EACH('"'))
             | FG_HAS_ZERO(w ^ FG_EACH('\\\\')) | FG_HAS_ZERO(w ^ FG_EACH(0x7f));
    }
    """
    const char *HEX_DIGITS "fg_hex_digits"
    uint64_t word_not_plain "fg_not_plain"(uint64_t w)


cdef inline bint is_plain(uint8_t b) noexcept nogil:
    return 0x20 <= b < 0x7f and b != c'"' and b != c'\\'


cdef inline uint64_t last_word(const char *at, size_t n) noexcept nogil:
    """The last eight bytes; of fewer than eight the first and the last four, which may overlap."""
    cdef uint64_t word
    cdef uint32_t first, last
    if n >= 8:
        memcpy(&word, at + n - 8, 8)
        return word
    memcpy(&first, at, 4)
    memcpy(&last, at + n - 4, 4)
    return <uint64_t>last << 32 | first


cdef inline void copy_last(char *out, const char *at, size_t n) noexcept nogil:
    """The bytes that last_word looked at."""
    cdef uint64_t word
    cdef uint32_t half
    if n >= 8:
        memcpy(&word, at + n - 8, 8)
        memcpy(out + n - 8, &word, 8)
        return
    memcpy(&half, at, 4)
    memcpy(out, &half, 4)
    memcpy(&half, at + n - 4, 4)
    memcpy(out + n - 4, &half, 4)


cdef inline size_t put_plain(char *out, const char *at, size_t n) noexcept nogil:
    """Copies the bytes before the first that is not plain; how many they were."""
    cdef uint64_t word
    cdef size_t i = 0
    while n - i >= 8:
        memcpy(&word, at + i, 8)
        if word_not_plain(word):
            break
        memcpy(out + i, &word, 8)
        i += 8
    if i < n and n - i < 8 and n >= 4 and word_not_plain(last_word(at, n)) == 0:
        copy_last(out, at, n)
        return n
    while i < n and is_plain(<uint8_t>at[i]):
        out[i] = at[i]
        i += 1
    return i


cdef inline bint is_tail(const char *at, size_t i) noexcept nogil:
    return (<uint8_t>at[i] & 0xc0) == 0x80


cdef size_t utf8_length(const char *at, size_t n) noexcept nogil:
    """Bytes of the well-formed sequence of two or more that begins here; 0: there is none."""
    cdef uint8_t lead = <uint8_t>at[0]
    cdef uint8_t second
    if lead < 0xc2 or lead > 0xf4 or n < 2 or not is_tail(at, 1):
        return 0
    if lead < 0xe0:
        return 2
    second = <uint8_t>at[1]
    if n < 3 or not is_tail(at, 2):
        return 0
    if lead < 0xf0:
        # neither overlong nor a surrogate
        return 0 if (lead == 0xe0 and second < 0xa0) or (lead == 0xed and second > 0x9f) else 3
    if n < 4 or not is_tail(at, 3):
        return 0
    # neither overlong nor above U+10FFFF
    return 0 if (lead == 0xf0 and second < 0x90) or (lead == 0xf4 and second > 0x8f) else 4


cdef inline char *put_hex(char *out, uint8_t b) noexcept nogil:
    out[0] = HEX_DIGITS[b >> 4]
    out[1] = HEX_DIGITS[b & 15]
    return out + 2


cdef inline char short_escape(uint8_t b) noexcept nogil:
    """The letter after the backslash of the escapes both formats share, or 0."""
    if b == c'"' or b == c'\\':
        return <char>b
    if b == c'\n':
        return c'n'
    if b == c'\r':
        return c'r'
    if b == c'\t':
        return c't'
    if b == c'\b':
        return c'b'
    return 0


cdef char *escape_json(char *out, span_t s) noexcept nogil:
    cdef size_t i = 0, n
    cdef uint8_t b
    cdef char letter
    while True:
        n = put_plain(out, s.at + i, s.len - i)
        out += n
        i += n
        if i == s.len:
            return out
        b = <uint8_t>s.at[i]
        if b >= 0x80:
            n = utf8_length(s.at + i, s.len - i)
            if n > 2 or (n == 2 and (b != 0xc2 or <uint8_t>s.at[i + 1] >= 0xa0)):
                memcpy(out, s.at + i, n)
                out += n
                i += n
                continue
            if n == 2:                  # a C1 control: terminals obey some of them
                i += 1
                b = <uint8_t>s.at[i]
            out = put_hex(put_text(out, b"\\u00"), b)
        else:
            letter = short_escape(b)
            if letter:
                out[0] = c'\\'
                out[1] = letter
                out += 2
            else:
                out = put_hex(put_text(out, b"\\u00"), b)
        i += 1


cdef char *escape_combined(char *out, span_t s) noexcept nogil:
    cdef size_t i = 0, n
    cdef uint8_t b
    cdef char letter
    while True:
        n = put_plain(out, s.at + i, s.len - i)
        out += n
        i += n
        if i == s.len:
            return out
        b = <uint8_t>s.at[i]
        letter = c'v' if b == c'\v' else short_escape(b)
        if letter:
            out[0] = c'\\'
            out[1] = letter
            out += 2
        else:
            out = put_hex(put_text(out, b"\\x"), b)
        i += 1


cdef bint escape_is_needless(span_t s) noexcept nogil:
    cdef size_t i
    for i in range(s.len):
        if not is_plain(<uint8_t>s.at[i]):
            return False
    return True

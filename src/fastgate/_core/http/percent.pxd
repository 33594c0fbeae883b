"""Bytes of URIs: which need an escape, and what an escape stands for (RFC 3986). Inline only."""

from fastgate._core.base.span cimport ascii_lower, span_t
from fastgate._core.base.writer cimport writer_put, writer_t


cdef inline int hex_value(char c) noexcept nogil:
    """The value of a hex digit, or -1."""
    if c'0' <= c <= c'9':
        return c - c'0'
    c = ascii_lower(c)
    return c - c'a' + 10 if c'a' <= c <= c'f' else -1


cdef inline char hex_upper(int value) noexcept nogil:
    return <char>(value + (c'0' if value < 10 else c'A' - 10))


cdef inline int escape_at(span_t s, size_t i) noexcept nogil:
    """The byte that the escape at `i` stands for, or -1 where none is."""
    cdef int high, low
    if s.at[i] != c'%' or s.len - i < 3:
        return -1
    high = hex_value(s.at[i + 1])
    low = hex_value(s.at[i + 2])
    return -1 if high < 0 or low < 0 else high * 16 + low


cdef inline bint is_unreserved(int c) noexcept nogil:
    """RFC 3986 section 2.3."""
    return (c'a' <= c <= c'z' or c'A' <= c <= c'Z' or c'0' <= c <= c'9'
            or c == c'-' or c == c'.' or c == c'_' or c == c'~')


cdef inline bint is_sub_delim(int c) noexcept nogil:
    """RFC 3986 section 2.2."""
    return (c == c'!' or c == c'$' or c == c'&' or c == c"'" or c == c'(' or c == c')'
            or c == c'*' or c == c'+' or c == c',' or c == c';' or c == c'=')


cdef inline bint is_of_path(int c) noexcept nogil:
    """RFC 3986 section 3.3: what stands in a path as it is, slashes too."""
    return is_unreserved(c) or is_sub_delim(c) or c == c':' or c == c'@' or c == c'/'


cdef inline void put_escaped(writer_t *writer, int byte) noexcept nogil:
    cdef char text[3]
    text[0] = c'%'
    text[1] = hex_upper(byte >> 4)
    text[2] = hex_upper(byte & 15)
    writer_put(writer, text, 3)


cdef inline void put_byte(writer_t *writer, int byte) noexcept nogil:
    cdef char text = <char>byte
    writer_put(writer, &text, 1)

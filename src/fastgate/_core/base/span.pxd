"""A view into bytes that somebody else owns. Never freed, never NUL-terminated."""

from libc.string cimport memcmp, strlen


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
    cdef size_t i
    if a.len != b.len:
        return False
    for i in range(a.len):
        if ascii_lower(a.at[i]) != ascii_lower(b.at[i]):
            return False
    return True


cdef inline span_t span_trim(span_t s) noexcept nogil:
    """Without leading and trailing spaces and tabs (RFC 9110 section 5.5, OWS)."""
    while s.len > 0 and (s.at[0] == c' ' or s.at[0] == c'\t'):
        s.at += 1
        s.len -= 1
    while s.len > 0 and (s.at[s.len - 1] == c' ' or s.at[s.len - 1] == c'\t'):
        s.len -= 1
    return s

"""Bytes that somebody else chose, made safe inside a log line's quotes."""

from fastgate._core.base.span cimport span_t


cdef enum:
    ESCAPE_MAX = 6                  # bytes that one byte may become


# JSON (RFC 8259 section 7): quote, backslash, C0, DEL and C1 controls escaped; a byte that
# is not part of well-formed UTF-8 (RFC 3629) becomes \u00XX of its value. What comes out is
# always well-formed. `out` holds ESCAPE_MAX * s.len bytes; the new end is returned.
cdef char *escape_json(char *out, span_t s) noexcept nogil

# As Apache's logs have it: \" \\ \b \n \r \t \v, and \xhh for other controls and for all
# bytes above 0x7e. Same room, same result.
cdef char *escape_combined(char *out, span_t s) noexcept nogil

# Neither of the two has anything to do.
cdef bint escape_is_needless(span_t s) noexcept nogil

"""Strict base64: the URL alphabet without padding (RFC 7515 section 2), and the standard one (RFC 4648 section 4)."""

from fastgate._core.base.span cimport span_t


# Both write at most text.len / 4 * 3 + 2 bytes to `out` and give their number, or -1: refused. `out` may be
# text.at itself: it never runs ahead. One text for each value: bits left over at the end must be zero.
cdef ssize_t base64url_decode(span_t text, char *out) noexcept nogil            # no "=", whitespace or other byte
cdef ssize_t base64_decode(span_t text, char *out) noexcept nogil               # padded to four, exactly

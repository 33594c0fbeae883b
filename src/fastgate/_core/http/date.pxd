"""HTTP dates (RFC 9110 section 5.6.7)."""

from libc.stdint cimport int64_t

from fastgate._core.base.span cimport span_t


# Unix seconds of a date in any of the three forms: "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
# "Sun Nov  6 08:49:37 1994". Years of two digits are 1969 to 2068. False: none of them, or no such day or time; the
# name of the weekday has to be one, but need not be right.
cdef bint date_parse(span_t text, int64_t *seconds_out) noexcept nogil

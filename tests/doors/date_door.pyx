"""Test door to http/date."""

from libc.stdint cimport int64_t

from fastgate._core.base.span cimport span_of
from fastgate._core.http.date cimport date_parse


def parse(const unsigned char[::1] text):
    """Unix seconds, or None."""
    cdef int64_t seconds = 0
    cdef bint is_date = date_parse(
        span_of(<const char *>&text[0], <size_t>text.shape[0]) if text.shape[0] else span_of(b"", 0), &seconds
    )
    return seconds if is_date else None

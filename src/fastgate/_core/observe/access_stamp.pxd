"""When a record began, as its line says it: written out once for all records of a millisecond, which those of a turn mostly are."""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy


cdef enum:
    STAMP_BYTES = 28            # "06/Nov/1994:08:49:37 +0000"; and a multiple of four


cdef struct access_stamp_t:
    # Owner: whoever formats lines, one a reactor; that reactor only. Zero: nothing is written out yet.
    uint64_t ms
    uint32_t len
    char text[STAMP_BYTES]


cdef inline char *put_stamp(char *out, const access_stamp_t *stamp) noexcept nogil:
    """All of it is copied, for one length is faster than any; what comes next overwrites the rest."""
    memcpy(out, stamp.text, STAMP_BYTES)
    return out + stamp.len

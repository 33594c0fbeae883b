"""Text into a fixed room: heads, numbers, chunk sizes. Overflow is remembered, never written."""

from libc.stdint cimport uint64_t
from libc.string cimport memcpy, strlen

from fastgate._core.base.copy cimport copy_bytes
from fastgate._core.base.decimal cimport DECIMAL_BYTES, put_decimal
from fastgate._core.base.span cimport span_t


cdef struct writer_t:
    # A value on somebody's stack or in a lane; the room is the caller's.
    char *start
    char *at
    char *end
    bint is_full


cdef inline void writer_open(writer_t *writer, char *room, size_t size) noexcept nogil:
    writer.start = room
    writer.at = room
    writer.end = room + size
    writer.is_full = False


cdef inline void writer_put(writer_t *writer, const char *at, size_t len) noexcept nogil:
    if <size_t>(writer.end - writer.at) < len:
        writer.is_full = True
        return
    if len:                     # an empty span may be NULL, which memcpy must not get
        memcpy(writer.at, at, len)
    writer.at += len


cdef inline void writer_span(writer_t *writer, span_t s) noexcept nogil:
    writer_put(writer, s.at, s.len)


cdef inline void writer_text(writer_t *writer, const char *text) noexcept nogil:
    """A literal: the compiler knows its length."""
    writer_put(writer, text, strlen(text))


cdef inline void writer_field(writer_t *writer, span_t name, span_t value) noexcept nogil:
    """`Name: value\\r\\n` with one check for room."""
    cdef size_t len = name.len + value.len + 4
    cdef char *at = writer.at
    if <size_t>(writer.end - at) < len:
        writer.is_full = True
        return
    copy_bytes(at, name.at, name.len)
    at += name.len
    at[0] = c':'
    at[1] = c' '
    copy_bytes(at + 2, value.at, value.len)
    at += 2 + value.len
    at[0] = c'\r'
    at[1] = c'\n'
    writer.at = at + 2


cdef inline void writer_number(writer_t *writer, uint64_t value) noexcept nogil:
    cdef char digits[DECIMAL_BYTES]
    cdef char *end
    if writer.end - writer.at >= DECIMAL_BYTES:
        writer.at = put_decimal(writer.at, value)
        return
    end = put_decimal(digits, value)
    writer_put(writer, digits, <size_t>(end - digits))


cdef inline char hex_digit(uint64_t nibble) noexcept nogil:
    return <char>(nibble + (48 if nibble < 10 else 87))


cdef inline void writer_hex(writer_t *writer, uint64_t value) noexcept nogil:
    """Lower-case hexadecimal without leading zeros: a chunk's size."""
    cdef char digits[16]
    cdef unsigned n = 16
    while True:
        n -= 1
        digits[n] = hex_digit(value & 15)
        value >>= 4
        if value == 0:
            break
    writer_put(writer, digits + n, 16 - n)

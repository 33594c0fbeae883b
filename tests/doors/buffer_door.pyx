"""Test door of `_core/base`: buffers, writers and SHA-1, called from Python."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fastgate._core.base.buffer cimport (
    buffer_clear, buffer_len, buffer_put, buffer_reserve, buffer_t, buffer_take,
)
from fastgate._core.base.sha1 cimport SHA1_BYTES, sha1
from fastgate._core.base.span cimport span_of
from fastgate._core.base.writer cimport (
    writer_field, writer_hex, writer_number, writer_open, writer_put, writer_span, writer_t, writer_text,
)

cdef enum:
    GUARD = 0xA5
    GUARD_BYTES = 64


cdef class Buffer:
    cdef buffer_t buffer

    def __cinit__(self):
        memset(&self.buffer, 0, sizeof(buffer_t))

    def __dealloc__(self):
        buffer_clear(&self.buffer)

    def put(self, bytes data):
        return bool(buffer_put(&self.buffer, <const char *>data, len(data)))

    def reserve(self, size_t size):
        """Whether there is room now; if so, all of it is written to, for a sanitiser to see."""
        if not buffer_reserve(&self.buffer, size):
            return False
        if size:
            memset(self.buffer.data + self.buffer.end, GUARD, size)
        return True

    def reserve_only(self, size_t size):
        return bool(buffer_reserve(&self.buffer, size))

    def take(self, uint32_t size):
        cdef bytes taken = self.buffer.data[self.buffer.start:self.buffer.start + size] if size else b""
        buffer_take(&self.buffer, size)
        return taken

    def clear(self):
        buffer_clear(&self.buffer)

    def __len__(self):
        return buffer_len(&self.buffer)

    @property
    def content(self):
        return self.buffer.data[self.buffer.start:self.buffer.end] if buffer_len(&self.buffer) else b""

    @property
    def capacity(self):
        return self.buffer.capacity

    @property
    def holds_memory(self):
        return self.buffer.data != NULL


def digest(bytes data):
    cdef unsigned char out[SHA1_BYTES]
    sha1(<const char *>data, len(data), out)
    return out[:SHA1_BYTES]


def write(list steps, size_t size):
    """Steps ("put", b), ("span", b), ("text", b), ("field", name, value), ("number", n), ("hex", n) into `size` bytes.

    Returns (what was written, is_full, whether the bytes behind the room are as they were).
    """
    cdef writer_t writer
    cdef char *room = <char *>malloc(size + GUARD_BYTES)
    cdef bytes a, b
    cdef bint is_whole = True
    cdef size_t i
    if room == NULL:
        raise MemoryError
    memset(room, GUARD, size + GUARD_BYTES)
    writer_open(&writer, room, size)
    for kind, *values in steps:
        if kind == "number":
            writer_number(&writer, <uint64_t>values[0])
            continue
        if kind == "hex":
            writer_hex(&writer, <uint64_t>values[0])
            continue
        a = values[0]
        if kind == "put":
            writer_put(&writer, a, len(a))
        elif kind == "span":
            writer_span(&writer, span_of(a, len(a)))
        elif kind == "text":
            writer_text(&writer, a)
        elif kind == "field":
            b = values[1]
            writer_field(&writer, span_of(a, len(a)), span_of(b, len(b)))
        else:
            raise ValueError(kind)
    for i in range(<size_t>(writer.at - room), size + GUARD_BYTES):
        is_whole = is_whole and <unsigned char>room[i] == GUARD
    written = room[:writer.at - room]
    free(room)
    return written, bool(writer.is_full), bool(is_whole)

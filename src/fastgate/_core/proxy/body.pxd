"""Body bytes on their way out, in the framing of the side they go to."""

from fastgate._core.base.buffer cimport buffer_len, buffer_t
from fastgate._core.base.span cimport span_of
from fastgate._core.base.writer cimport writer_hex, writer_span, writer_text
from fastgate._core.net.gather cimport gather_make_room, gather_refer, gather_t


cdef enum:
    CHUNK_TEXT_BYTES = 32           # size line and CRLFs


cdef inline void body_put(gather_t *gather, const char *at, size_t len, bint is_chunked) noexcept nogil:
    gather_make_room(gather, CHUNK_TEXT_BYTES)
    if is_chunked:
        writer_hex(&gather.text, len)
        writer_text(&gather.text, b"\r\n")
    gather_refer(gather, at, len)
    if is_chunked:
        writer_text(&gather.text, b"\r\n")


cdef inline void body_end_chunks(gather_t *gather, const buffer_t *trailers) noexcept nogil:
    gather_make_room(gather, CHUNK_TEXT_BYTES + buffer_len(trailers))
    writer_text(&gather.text, b"0\r\n")
    if buffer_len(trailers):
        writer_span(&gather.text, span_of(trailers.data + trailers.start, buffer_len(trailers)))
    writer_text(&gather.text, b"\r\n")

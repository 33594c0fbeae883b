"""What one event wants to send, gathered and sent with one system call.

Text that is made here (heads, chunk sizes) goes into a room of the caller;
bodies are only referred to, unless they are so small that copying is cheaper.
"""

from libc.string cimport memcpy

from fastgate._core.base.status cimport OK, status_t
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.includes.socket cimport iovec
from fastgate._core.net.stream cimport stream_t, stream_write


cdef enum:
    GATHER_PARTS = 64
    GATHER_COPY_BYTES = 2048    # up to here a copy costs less than another part


cdef struct gather_t:
    # Owner: a lane, for the time of one event; its reactor only. What it refers to must
    # live until gather_flush.
    writer_t text
    char *mark                  # text from here on is in no part yet
    stream_t *stream
    iovec parts[GATHER_PARTS]
    unsigned n
    status_t status             # the first failure of the stream


cdef inline void gather_open(gather_t *gather, stream_t *stream, char *room, size_t size) noexcept nogil:
    writer_open(&gather.text, room, size)
    gather.mark = room
    gather.stream = stream
    gather.n = 0
    gather.status = OK


cdef inline void _gather_close_text(gather_t *gather) noexcept nogil:
    if gather.text.at > gather.mark:
        gather.parts[gather.n].iov_base = gather.mark
        gather.parts[gather.n].iov_len = <size_t>(gather.text.at - gather.mark)
        gather.n += 1
        gather.mark = gather.text.at


cdef inline status_t gather_flush(gather_t *gather) noexcept nogil:
    """Send or queue all of it, unless an earlier flush failed. As stream_write, of the first failure; the room is free again."""
    cdef status_t status
    _gather_close_text(gather)
    if gather.n and gather.status == OK:
        status = stream_write(gather.stream, gather.parts, gather.n)
        if status != OK:
            gather.status = status
    gather.n = 0
    gather.text.at = gather.text.start
    gather.mark = gather.text.start
    return gather.status


cdef inline void gather_refer(gather_t *gather, const char *at, size_t len) noexcept nogil:
    if len <= GATHER_COPY_BYTES and <size_t>(gather.text.end - gather.text.at) >= len:
        memcpy(gather.text.at, at, len)
        gather.text.at += len
        return
    _gather_close_text(gather)
    gather.parts[gather.n].iov_base = <void *>at
    gather.parts[gather.n].iov_len = len
    gather.n += 1


cdef inline void gather_make_room(gather_t *gather, size_t text_bytes) noexcept nogil:
    """Before the next piece: flush when its text or its parts might not fit."""
    if gather.n + 3 > GATHER_PARTS or <size_t>(gather.text.end - gather.text.at) < text_bytes + GATHER_COPY_BYTES:
        gather_flush(gather)

"""A connected socket as a two-way stream of bytes, edge-triggered, with a queue of bytes not yet sent.

Plain TCP and Unix sockets. TLS will stand behind the same functions.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.buffer cimport buffer_len, buffer_t
from fastgate._core.base.status cimport status_t
from fastgate._core.includes.socket cimport iovec
from fastgate._core.reactor.reactor cimport on_event_cb, reactor_t, source_t


cdef struct stream_t:
    # Owner: the downstream or upstream connection it is the first field of. Its reactor only.
    # Ends in stream_close; the memory is its owner's.
    source_t source             # first: epoll hands this back
    reactor_t *reactor
    buffer_t out                # what the socket would not take yet
    uint64_t sent               # bytes the socket took, ever
    uint32_t burst              # how much to give it at a time: see stream_write
    uint8_t is_readable         # the last read did not empty the socket
    uint8_t is_blocked          # the last write did not go through; EPOLLOUT will tell
    uint8_t is_connecting
    uint8_t has_ended           # the peer's FIN was seen by epoll: read on until 0
    uint8_t is_write_shut       # our FIN is out, or will be once `out` is empty
    uint8_t is_fin_out          # it is: another shutdown() would only make another event


cdef enum:
    # What may be left in `out` of a peer that takes no more is bounded by these.
    BURST_LEAST = 16384         # to a peer that has been slow
    BURST_FIRST = 65536
    BURST_MOST = 131072         # to one that took all it was given: fewer system calls
    READS_PER_EVENT = 8         # then the others' turn


cdef enum:
    READ_END = 0
    READ_AGAIN = -1
    READ_FAILED = -2


cdef bint stream_open(stream_t *stream, reactor_t *reactor, int fd, on_event_cb on_event,
                      bint is_connecting) noexcept nogil   # False: not watched, fd not closed
cdef void stream_close(stream_t *stream) noexcept nogil
cdef ssize_t stream_read(stream_t *stream, char *room, size_t len) noexcept nogil  # bytes, or READ_*
cdef status_t stream_write(stream_t *stream, iovec *parts, unsigned n) noexcept nogil   # OK (sent or queued), CLOSED, NO_MEMORY; changes parts
cdef status_t stream_send(stream_t *stream, const char *data, size_t len) noexcept nogil
cdef status_t stream_flush(stream_t *stream) noexcept nogil     # OK: nothing pending; AGAIN; CLOSED
cdef void stream_shut_write(stream_t *stream) noexcept nogil    # FIN, after what is pending
cdef uint64_t stream_taken(stream_t *stream) noexcept nogil     # bytes the peer took, as far as the kernel knows
cdef int stream_error(stream_t *stream) noexcept nogil          # SO_ERROR, and forgets it


cdef inline uint32_t stream_pending(const stream_t *stream) noexcept nogil:
    return buffer_len(&stream.out)


cdef inline bint stream_is_open(const stream_t *stream) noexcept nogil:
    return stream.source.on_event != NULL


cdef inline void stream_note_events(stream_t *stream, uint32_t readable, uint32_t writable, uint32_t ended) noexcept nogil:
    """What epoll said, into the flags. Call first in on_event."""
    if readable:
        stream.is_readable = True
    if ended:
        stream.has_ended = True
        stream.is_readable = True
    if writable:
        stream.is_blocked = False

"""Reading, writing and closing a connected socket."""

from libc.errno cimport EAGAIN, EINTR, errno
from libc.stdint cimport uint64_t
from libc.string cimport memset

from fastgate._core.base.buffer cimport buffer_clear, buffer_len, buffer_put, buffer_t, buffer_take
from fastgate._core.base.memory cimport memory_count_socket
from fastgate._core.base.status cimport AGAIN, CLOSED, NO_MEMORY, OK, status_t
from fastgate._core.includes.epoll cimport EPOLLET, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from fastgate._core.includes.socket cimport (
    MSG_NOSIGNAL,
    SHUT_WR,
    SIOCOUTQ,
    SOL_SOCKET,
    SO_ERROR,
    close,
    getsockopt,
    ioctl,
    iovec,
    msghdr,
    recv,
    send,
    sendmsg,
    shutdown,
    socklen_t,
)
from fastgate._core.reactor.reactor cimport on_event_cb, reactor_t, reactor_watch


cdef bint stream_open(stream_t *stream, reactor_t *reactor, int fd, on_event_cb on_event,
                      bint is_connecting) noexcept nogil:
    memset(stream, 0, sizeof(stream_t))
    stream.reactor = reactor
    stream.source.fd = fd
    stream.source.on_event = on_event
    stream.is_connecting = is_connecting
    stream.burst = BURST_FIRST
    # One epoll_ctl for the connection's whole life: edge-triggered, both ways.
    if not reactor_watch(reactor, &stream.source, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET):
        stream.source.on_event = NULL
        return False
    memory_count_socket(1)
    return True


cdef void stream_close(stream_t *stream) noexcept nogil:
    if stream.source.on_event == NULL:
        return
    stream.source.on_event = NULL
    close(stream.source.fd)     # takes it out of epoll as well
    memory_count_socket(-1)
    buffer_clear(&stream.out)


cdef ssize_t stream_read(stream_t *stream, char *room, size_t len) noexcept nogil:
    cdef ssize_t n
    while True:
        n = recv(stream.source.fd, room, len, 0)
        if n >= 0 or errno != EINTR:
            break
    if n > 0:
        # A short read emptied the socket (epoll(7)), unless a FIN waits behind it.
        stream.is_readable = <size_t>n == len or stream.has_ended
        return n
    stream.is_readable = False
    if n == 0:
        stream.has_ended = True
        return READ_END
    return READ_AGAIN if errno == EAGAIN else READ_FAILED


cdef ssize_t _send_parts(stream_t *stream, iovec *parts, unsigned n) noexcept nogil:
    cdef msghdr message
    if n == 1:
        return send(stream.source.fd, parts.iov_base, parts.iov_len, MSG_NOSIGNAL)
    memset(&message, 0, sizeof(message))
    message.msg_iov = parts
    message.msg_iovlen = n
    return sendmsg(stream.source.fd, &message, MSG_NOSIGNAL)


cdef status_t stream_write(stream_t *stream, iovec *parts, unsigned n) noexcept nogil:
    cdef ssize_t sent
    cdef uint64_t sent_before = stream.sent
    if stream.is_write_shut:
        return CLOSED
    while n and buffer_len(&stream.out) == 0 and not stream.is_connecting and not stream.is_blocked:
        sent = _send_parts(stream, parts, n)
        if sent < 0:
            if errno == EINTR:
                continue
            if errno != EAGAIN:
                return CLOSED
            stream.is_blocked = True
            break
        stream.sent += <size_t>sent
        while n and <size_t>sent >= parts.iov_len:
            sent -= <ssize_t>parts.iov_len
            parts += 1
            n -= 1
        if n:
            # Sent in part: the socket is full, EPOLLOUT will come.
            parts.iov_base = <char *>parts.iov_base + sent
            parts.iov_len -= <size_t>sent
            stream.is_blocked = True
    if n:
        stream.burst = BURST_LEAST
    elif stream.burst < BURST_MOST and stream.sent - sent_before >= stream.burst // 2:
        stream.burst *= 2
    while n:
        if not buffer_put(&stream.out, parts.iov_base, parts.iov_len):
            return NO_MEMORY
        parts += 1
        n -= 1
    return OK


cdef status_t stream_send(stream_t *stream, const char *data, size_t len) noexcept nogil:
    cdef iovec part
    part.iov_base = <void *>data
    part.iov_len = len
    return stream_write(stream, &part, 1) if len else OK


cdef void _send_fin(stream_t *stream) noexcept nogil:
    if not stream.is_fin_out:
        stream.is_fin_out = True
        shutdown(stream.source.fd, SHUT_WR)


cdef status_t stream_flush(stream_t *stream) noexcept nogil:
    cdef buffer_t *out = &stream.out
    cdef ssize_t sent
    if stream.is_connecting:
        return AGAIN
    while buffer_len(out):
        if stream.is_blocked:
            return AGAIN
        sent = send(stream.source.fd, out.data + out.start, buffer_len(out), MSG_NOSIGNAL)
        if sent < 0:
            if errno == EINTR:
                continue
            if errno != EAGAIN:
                return CLOSED
            stream.is_blocked = True
            return AGAIN
        stream.sent += <size_t>sent
        if <size_t>sent < buffer_len(out):
            stream.is_blocked = True
        buffer_take(out, <uint32_t>sent)
    if stream.is_write_shut:
        _send_fin(stream)
    return OK


cdef void stream_shut_write(stream_t *stream) noexcept nogil:
    if stream.is_write_shut:
        return
    stream.is_write_shut = True
    if buffer_len(&stream.out) == 0 and not stream.is_connecting:
        _send_fin(stream)


cdef uint64_t stream_taken(stream_t *stream) noexcept nogil:
    """Of a TCP socket: what was sent and acknowledged. The kernel alone may hold megabytes for a peer that reads nothing."""
    cdef int unacknowledged = 0
    if ioctl(stream.source.fd, SIOCOUTQ, &unacknowledged) != 0 or <uint64_t>unacknowledged > stream.sent:
        return stream.sent
    return stream.sent - <uint64_t>unacknowledged


cdef int stream_error(stream_t *stream) noexcept nogil:
    cdef int error = 0
    cdef socklen_t length = sizeof(error)
    getsockopt(stream.source.fd, SOL_SOCKET, SO_ERROR, &error, &length)
    return error

"""Opening, watching and closing connections to peers."""

from libc.errno cimport EAGAIN, EINPROGRESS, EINTR, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.memory cimport memory_give, memory_take_zeroed
from fastgate._core.includes.epoll cimport EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP
from fastgate._core.includes.socket cimport (
    AF_UNIX,
    IPPROTO_TCP,
    MSG_DONTWAIT,
    MSG_PEEK,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    TCP_INFO,
    TCP_NODELAY,
    close,
    connect,
    getsockopt,
    recv,
    setsockopt,
    sockaddr,
    socket,
    socklen_t,
)
from fastgate._core.net.stream cimport stream_close, stream_is_open, stream_note_events, stream_open
from fastgate._core.reactor.reactor cimport grave_t, reactor_bury, reactor_t, source_t
from fastgate._core.reactor.timer cimport timer_init, timer_remove, timer_t
from fastgate._core.upstream.peer cimport peer_ref, peer_t, peer_unref
from fastgate._core.upstream.pool cimport pool_remove


cdef enum:
    # struct tcp_info of <linux/tcp.h>, which glibc's <netinet/tcp.h> cuts short and clashes with.
    TCP_INFO_BYTES = 192
    TCP_INFO_BYTES_ACKED = 120      # offset of tcpi_bytes_acked (u64)


cdef connection_t *_connection_of_timer(timer_t *timer) noexcept nogil:
    return <connection_t *>(<char *>timer - <size_t>&(<connection_t *>NULL).timer)


cdef void _on_timer(timer_t *timer) noexcept nogil:
    cdef connection_t *connection = _connection_of_timer(timer)
    if connection.is_idle:
        connection_close(connection)
    else:
        connection.on_timer(connection)


cdef void _on_event(source_t *source, uint32_t events) noexcept nogil:
    cdef connection_t *connection = <connection_t *>source
    stream_note_events(
        &connection.stream, events & EPOLLIN, events & EPOLLOUT, events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)
    )
    if not connection.is_idle:
        connection.on_event(connection)
    elif connection.stream.is_readable:
        # The peer closed, or speaks without being asked: of no use any more.
        connection_close(connection)


cdef void _free(grave_t *grave) noexcept nogil:
    cdef connection_t *connection = <connection_t *>(
        <char *>grave - <size_t>&(<connection_t *>NULL).grave
    )
    peer_unref(connection.peer)
    memory_give(connection)


cdef connection_t *connection_open(reactor_t *reactor, peer_t *peer) noexcept nogil:
    cdef connection_t *connection
    cdef int one = 1
    cdef int fd = socket(peer.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
    cdef bint is_connecting = False
    cdef int failure
    if fd < 0:
        return NULL
    if peer.family != AF_UNIX:
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))
    if connect(fd, <const sockaddr *>peer.address, peer.address_len) < 0:
        if errno != EINPROGRESS:
            failure = errno
            close(fd)
            (&errno)[0] = failure
            return NULL
        is_connecting = True
    connection = <connection_t *>memory_take_zeroed(sizeof(connection_t))
    if connection == NULL:
        close(fd)
        return NULL
    if not stream_open(&connection.stream, reactor, fd, _on_event, is_connecting):
        close(fd)
        memory_give(connection)
        return NULL
    timer_init(&connection.timer, _on_timer)
    connection.peer = peer
    peer_ref(peer)
    own_add_u64(&reactor.counters.upstream_opened, 1)
    return connection


cdef void connection_close(connection_t *connection) noexcept nogil:
    cdef reactor_t *reactor = connection.stream.reactor
    if not stream_is_open(&connection.stream):
        return
    if connection.is_idle:
        pool_remove(connection)
    timer_remove(&connection.timer)
    stream_close(&connection.stream)
    connection.exchange = NULL
    own_add_u64(&reactor.counters.upstream_closed, 1)
    reactor_bury(reactor, &connection.grave, _free)


cdef bint connection_is_acked(connection_t *connection, uint64_t sent_before) noexcept nogil:
    """False after an orderly end proves that no byte sent since reached the peer: TCP_INFO counts
    acknowledged bytes, and a FIN acknowledges all that came before it.

    The kernel counts the SYN as one, hence the 1.
    """
    cdef char info[TCP_INFO_BYTES]
    cdef socklen_t length = sizeof(info)
    cdef uint64_t acked
    if connection.peer.family == AF_UNIX:
        return True
    if getsockopt(connection.stream.source.fd, IPPROTO_TCP, TCP_INFO, info, &length) < 0:
        return True
    if length < TCP_INFO_BYTES_ACKED + sizeof(acked):
        return True
    memcpy(&acked, info + TCP_INFO_BYTES_ACKED, sizeof(acked))
    return acked > sent_before + 1


cdef bint connection_is_alive(connection_t *connection) noexcept nogil:
    """Asks the socket, for an event that tells may be waiting behind the current one."""
    cdef char byte
    return (
        recv(connection.stream.source.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0
        and (errno == EAGAIN or errno == EINTR)
    )

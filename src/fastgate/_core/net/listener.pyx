"""Accepting: a batch per event; a rest when descriptors or the connection limit run out."""

from libc.errno cimport ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, errno
from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport own_add_u64
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.includes.epoll cimport EPOLLEXCLUSIVE, EPOLLIN
from fastgate._core.includes.socket cimport (
    IPPROTO_TCP,
    SHUT_RDWR,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    TCP_NODELAY,
    accept4,
    close,
    setsockopt,
    shutdown,
    sockaddr,
    sockaddr_in6,
    socklen_t,
)
from fastgate._core.net.address cimport address_of, address_t
from fastgate._core.reactor.reactor cimport reactor_t, reactor_unwatch, reactor_watch, source_t
from fastgate._core.reactor.timer cimport timer_arm, timer_init, timer_remove, timer_t


cdef enum:
    ACCEPTS_PER_EVENT = 64      # then the others' turn; the listener is level-triggered and comes back
    REST_MS = 100


cdef listener_t *_listener_of(timer_t *timer) noexcept nogil:
    return <listener_t *>(<char *>timer - <size_t>&(<listener_t *>NULL).rest)


cdef bint _watch(listener_t *listener) noexcept nogil:
    listener.source.on_event = _on_readable
    # A shared descriptor wakes one reactor for a connection, not all.
    return reactor_watch(
        listener.reactor, &listener.source, EPOLLIN | (EPOLLEXCLUSIVE if listener.is_shared else 0)
    )


cdef void _rest(listener_t *listener) noexcept nogil:
    """Stop looking for a moment: a level-triggered listener that can't accept would spin."""
    reactor_unwatch(listener.reactor, &listener.source)
    timer_arm(&listener.reactor.wheel, &listener.rest, listener.reactor.now_ns + REST_MS * <uint64_t>NS_PER_MS)


cdef void _on_rested(timer_t *timer) noexcept nogil:
    cdef listener_t *listener = _listener_of(timer)
    # The kernel may be without memory for it just now.
    if listener.is_open and not _watch(listener):
        _rest(listener)


cdef bint _accept_one(listener_t *listener) noexcept nogil:
    """False: nothing more to take now."""
    cdef sockaddr_in6 peer      # large enough for IPv4 and IPv6; a Unix peer's name is not used
    cdef socklen_t length = sizeof(peer)
    cdef address_t address
    cdef int fd
    if not listener.may_accept(listener):
        own_add_u64(&listener.reactor.counters.connections_refused, 1)
        _rest(listener)
        return False
    fd = accept4(listener.source.fd, <sockaddr *>&peer, &length, SOCK_NONBLOCK | SOCK_CLOEXEC)
    if fd < 0:
        if errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM:
            own_add_u64(&listener.reactor.counters.connections_refused, 1)
            _rest(listener)
            return False
        return errno == EINTR or errno == ECONNABORTED
    address = address_of(<sockaddr *>&peer)
    address.is_unix = listener.is_unix
    if not listener.on_accept(listener, fd, &address):
        close(fd)
        own_add_u64(&listener.reactor.counters.connections_refused, 1)
    return True


cdef void _on_readable(source_t *source, uint32_t events) noexcept nogil:
    cdef listener_t *listener = <listener_t *>source
    cdef int i
    for i in range(ACCEPTS_PER_EVENT):
        if not _accept_one(listener):
            break


cdef bint listener_open(listener_t *listener, reactor_t *reactor, int fd, bint is_shared) noexcept nogil:
    cdef int one = 1
    listener.reactor = reactor
    listener.source.fd = fd
    listener.is_shared = is_shared
    timer_init(&listener.rest, _on_rested)
    if not listener.is_unix:
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one))     # accepted sockets inherit it
    listener.is_open = _watch(listener)
    return listener.is_open


cdef void listener_close(listener_t *listener) noexcept nogil:
    if not listener.is_open:
        return
    # What the kernel accepted for this socket would be reset with it. Of shared sockets, those of TCP
    # are systemd's: there connections wait for the next process.
    if listener.is_unix or not listener.is_shared:
        while _accept_one(listener):
            pass
    if not listener.is_shared:
        shutdown(listener.source.fd, SHUT_RDWR)     # at once: who comes from here on is refused, not reset
    listener.is_open = False
    listener.source.on_event = NULL
    reactor_unwatch(listener.reactor, &listener.source)
    timer_remove(&listener.rest)

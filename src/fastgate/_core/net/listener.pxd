"""Listeners: accept connections and hand them up."""

from libc.stdint cimport uint16_t

from fastgate._core.net.address cimport address_t
from fastgate._core.reactor.reactor cimport reactor_t, source_t
from fastgate._core.reactor.timer cimport timer_t


ctypedef bint (*on_accept_cb)(listener_t *listener, int fd, const address_t *peer) noexcept nogil  # False: not taken; the caller closes fd
ctypedef bint (*may_accept_cb)(listener_t *listener) noexcept nogil


cdef struct listener_t:
    # Owner: the gateway, one per reactor and address, for the life of the process. Its
    # reactor only. The descriptor is Python's.
    source_t source             # first: epoll hands this back
    reactor_t *reactor
    timer_t rest                # armed while descriptors are exhausted or the limit is reached
    on_accept_cb on_accept
    may_accept_cb may_accept    # False: at the connection limit
    uint16_t port
    bint is_unix
    bint is_shared              # one descriptor for all reactors (socket activation)
    bint is_open


cdef bint listener_open(listener_t *listener, reactor_t *reactor, int fd, bint is_shared) noexcept nogil    # False: not watched
cdef void listener_close(listener_t *listener) noexcept nogil   # takes what is queued first; shuts a socket that is not shared

"""Idle connections of one reactor to one peer: taken newest first, closed oldest first."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.reactor.reactor cimport reactor_t
from fastgate._core.upstream.connection cimport connection_t
from fastgate._core.upstream.peer cimport peer_t


cdef struct pool_limits_t:
    # Owner: the snapshot. Read-only after build.
    uint32_t size               # idle connections kept per reactor and peer; 0: none
    uint32_t max_requests       # on one connection; 0: no limit
    uint64_t idle_ns


cdef connection_t *pool_take(reactor_t *reactor, peer_t *peer) noexcept nogil  # NULL: none idle
cdef bint pool_give(connection_t *connection, const pool_limits_t *limits) noexcept nogil     # False: not kept, the caller closes it
cdef void pool_remove(connection_t *connection) noexcept nogil      # of an idle connection that is being closed
cdef void pool_drain(reactor_t *reactor, peer_t *peer) noexcept nogil  # close all that is idle

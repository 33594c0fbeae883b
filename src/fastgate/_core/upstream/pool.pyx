"""Keep-alive pools, one list per reactor and peer: no lock, no lookup."""

from fastgate._core.base.atomics cimport atomic_load_u32, own_add_u64
from fastgate._core.net.stream cimport stream_pending
from fastgate._core.reactor.reactor cimport reactor_t
from fastgate._core.reactor.timer cimport timer_arm, timer_disarm
from fastgate._core.upstream.connection cimport connection_close, connection_t
from fastgate._core.upstream.peer cimport peer_t, pool_t


cdef void pool_remove(connection_t *connection) noexcept nogil:
    cdef reactor_t *reactor = connection.stream.reactor
    cdef pool_t *pool = &connection.peer.pools[reactor.index]
    if connection.prev_idle != NULL:
        connection.prev_idle.next_idle = connection.next_idle
    else:
        pool.newest = connection.next_idle
    if connection.next_idle != NULL:
        connection.next_idle.prev_idle = connection.prev_idle
    else:
        pool.oldest = connection.prev_idle
    connection.next_idle = NULL
    connection.prev_idle = NULL
    connection.is_idle = False
    connection.stream.source.goes_first = False
    pool.idle -= 1
    own_add_u64(&reactor.counters.upstream_idle, <uint64_t>-1)


cdef connection_t *pool_take(reactor_t *reactor, peer_t *peer) noexcept nogil:
    cdef connection_t *connection = <connection_t *>peer.pools[reactor.index].newest
    if connection == NULL:
        return NULL
    pool_remove(connection)
    timer_disarm(&connection.timer)
    connection.is_reused = True
    own_add_u64(&reactor.counters.upstream_reused, 1)
    return connection


cdef bint pool_give(connection_t *connection, const pool_limits_t *limits) noexcept nogil:
    cdef reactor_t *reactor = connection.stream.reactor
    cdef pool_t *pool = &connection.peer.pools[reactor.index]
    if limits.size == 0 or connection.stream.is_readable or stream_pending(&connection.stream):
        return False
    if limits.max_requests and connection.requests >= limits.max_requests:
        return False
    if atomic_load_u32(&connection.peer.is_retired):
        return False
    while pool.idle >= limits.size:         # more than one over after a reload with a smaller size
        connection_close(<connection_t *>pool.oldest)
    connection.exchange = NULL
    connection.is_idle = True
    connection.stream.source.goes_first = True
    connection.prev_idle = NULL
    connection.next_idle = <connection_t *>pool.newest
    if connection.next_idle != NULL:
        connection.next_idle.prev_idle = connection
    else:
        pool.oldest = connection
    pool.newest = connection
    pool.idle += 1
    own_add_u64(&reactor.counters.upstream_idle, 1)
    timer_arm(&reactor.wheel, &connection.timer, reactor.now_ns + limits.idle_ns)
    return True


cdef void pool_drain(reactor_t *reactor, peer_t *peer) noexcept nogil:
    while peer.pools[reactor.index].newest != NULL:
        connection_close(<connection_t *>peer.pools[reactor.index].newest)

"""Test door of `_core/upstream`: connections and pools on a reactor of reactor_door's, and the decision to retry."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport atomic_load_u32, atomic_store_u32
from fastgate._core.base.fault cimport (
    FAULT_CLOSED, FAULT_CONNECT, FAULT_CONNECT_TIMEOUT, FAULT_MALFORMED, FAULT_NONE, FAULT_NO_PEER, FAULT_NO_RESOURCES,
    FAULT_RESET, FAULT_TIMEOUT, fault_t,
)
from fastgate._core.base.span cimport span_of
from fastgate._core.net.stream cimport stream_error, stream_read, stream_send
from fastgate._core.reactor.reactor cimport reactor_t
from fastgate._core.reactor.timer cimport timer_arm
from fastgate._core.upstream.connection cimport (
    connection_close, connection_is_acked, connection_open, connection_t,
)
from fastgate._core.upstream.peer cimport peer_new, peer_t, peer_unref
from fastgate._core.upstream.pool cimport pool_drain, pool_give, pool_limits_t, pool_take
from fastgate._core.upstream.retry cimport RETRY_FRESH, RETRY_NO, RETRY_OTHER, failed_try_t, retry_decide

FAULTS = {
    "none": FAULT_NONE, "no peer": FAULT_NO_PEER, "no resources": FAULT_NO_RESOURCES, "connect": FAULT_CONNECT,
    "connect timeout": FAULT_CONNECT_TIMEOUT, "reset": FAULT_RESET, "closed": FAULT_CLOSED, "timeout": FAULT_TIMEOUT,
    "malformed": FAULT_MALFORMED,
}
RETRIES = {<int>RETRY_NO: "no", <int>RETRY_OTHER: "other", <int>RETRY_FRESH: "fresh"}


def decide(str fault, bint is_reused, bint is_idempotent, bint is_sent, bint is_acked, bint is_answer_begun,
           bint keeps_body, bint has_retries_left):
    cdef failed_try_t failed
    cdef int kind = FAULTS[fault]
    failed.fault = <fault_t>kind
    failed.is_reused = is_reused
    failed.is_idempotent = is_idempotent
    failed.is_sent = is_sent
    failed.is_acked = is_acked
    failed.is_answer_begun = is_answer_begun
    failed.keeps_body = keeps_body
    failed.has_retries_left = has_retries_left
    return RETRIES[<int>retry_decide(&failed)]


cdef struct user_t:
    # What a connection's user counts. Owner: the Connection that made it.
    uint32_t events
    uint32_t timeouts


cdef void _on_event(connection_t *connection) noexcept nogil:
    connection.stream.is_connecting = False
    if connection.exchange != NULL:
        (<user_t *>connection.exchange).events += 1


cdef void _on_timer(connection_t *connection) noexcept nogil:
    if connection.exchange != NULL:
        (<user_t *>connection.exchange).timeouts += 1


cdef class Peer:
    """raw: a struct sockaddr_*."""
    cdef peer_t *peer
    cdef object reactor

    def __cinit__(self, reactor, bytes raw, uint32_t n_reactors=1):
        self.reactor = reactor
        self.peer = peer_new(<char *>raw, <uint32_t>len(raw), span_of(b"peer", 4), 0, n_reactors)
        if self.peer == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.peer != NULL:
            peer_unref(self.peer)

    def open(self):
        """A Connection, connecting."""
        cdef connection_t *connection = connection_open(self._reactor(), self.peer)
        if connection == NULL:
            raise OSError("no connection")
        return _wrap(self, connection)

    def take(self):
        """The Connection given last, or None."""
        cdef connection_t *connection = pool_take(self._reactor(), self.peer)
        return None if connection == NULL else _wrap(self, connection)

    def drain(self):
        pool_drain(self._reactor(), self.peer)

    def retire(self):
        atomic_store_u32(&self.peer.is_retired, 1)

    @property
    def refs(self):
        return atomic_load_u32(&self.peer.refs)

    def idle(self, uint32_t reactor=0):
        return self.peer.pools[reactor].idle

    cdef reactor_t *_reactor(self) except NULL:
        return <reactor_t *><size_t>self.reactor.address

    def take_and_give(self, uint64_t times):
        """The newest one out and in again, over and over; how many there were."""
        cdef pool_limits_t limits
        cdef connection_t *connection
        cdef reactor_t *reactor = self._reactor()
        cdef uint64_t i, taken = 0
        limits.size, limits.max_requests, limits.idle_ns = 512, 0, 60000000000
        with nogil:
            for i in range(times):
                connection = pool_take(reactor, self.peer)
                if connection != NULL:
                    taken += pool_give(connection, &limits)
        return taken


cdef class Connection:
    """A handle for as long as the test uses the connection: after give() or close(), it only knows its `id` and counts."""
    cdef connection_t *connection
    cdef user_t user
    cdef Peer peer
    cdef readonly size_t id

    def give(self, uint32_t size=512, uint32_t max_requests=0, uint64_t idle_ms=60000):
        """Whether the pool kept it."""
        cdef pool_limits_t limits
        limits.size = size
        limits.max_requests = max_requests
        limits.idle_ns = idle_ms * 1000000
        if not pool_give(self.connection, &limits):
            return False
        self.connection = NULL
        return True

    def close(self):
        """Twice, as users do who learn of a failure from two sides: the second time does nothing."""
        connection_close(self.connection)
        connection_close(self.connection)
        self.connection = NULL

    def __dealloc__(self):
        if self.connection != NULL:
            connection_close(self.connection)

    def send(self, bytes data):
        stream_send(&self.connection.stream, data, len(data))

    def read(self, size_t size):
        cdef bytearray room = bytearray(size)
        cdef ssize_t n = stream_read(&self.connection.stream, room, size)
        return bytes(room[:n]) if n > 0 else n

    def error(self):
        return stream_error(&self.connection.stream)

    def is_acked(self, uint64_t sent_before):
        return bool(connection_is_acked(self.connection, sent_before))

    def set_requests(self, uint32_t requests):
        self.connection.requests = requests

    def arm(self, uint64_t ms):
        cdef reactor_t *reactor = self.connection.stream.reactor
        timer_arm(&reactor.wheel, &self.connection.timer, reactor.now_ns + ms * 1000000)

    @property
    def sent(self):
        return self.connection.stream.sent

    @property
    def is_readable(self):
        return bool(self.connection.stream.is_readable)

    @property
    def is_reused(self):
        return bool(self.connection.is_reused)

    @property
    def has_ended(self):
        return bool(self.connection.stream.has_ended)

    @property
    def fd(self):
        return self.connection.stream.source.fd

    @property
    def events(self):
        return self.user.events

    @property
    def timeouts(self):
        return self.user.timeouts


cdef Connection _wrap(Peer peer, connection_t *connection):
    cdef Connection handle = Connection.__new__(Connection)
    handle.connection = connection
    handle.peer = peer
    handle.id = <size_t>connection
    connection.exchange = &handle.user
    connection.on_event = _on_event
    connection.on_timer = _on_timer
    return handle

"""A connection to a peer: connecting, in use by one exchange, or idle in a pool."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.net.stream cimport stream_t
from fastgate._core.reactor.reactor cimport grave_t, reactor_t
from fastgate._core.reactor.timer cimport timer_t
from fastgate._core.upstream.peer cimport peer_t


ctypedef void (*on_connection_cb)(connection_t *connection) noexcept nogil


cdef struct connection_t:
    # Owner: the exchange that uses it, or the pool of its peer while idle. Its reactor only.
    # Ends in connection_close; freed when the reactor has finished its batch of events.
    stream_t stream             # first
    grave_t grave
    timer_t timer               # connect, read, write or idle deadline, one at a time
    peer_t *peer                # one reference held
    void *exchange              # the user; NULL while idle
    on_connection_cb on_event   # the user's: the stream has something to say
    on_connection_cb on_timer   # the user's: the deadline passed
    connection_t *next_idle     # older in the pool
    connection_t *prev_idle     # newer in the pool
    uint32_t requests           # sent on it so far
    uint8_t is_idle
    uint8_t is_reused           # taken from a pool for the current request


cdef connection_t *connection_open(reactor_t *reactor, peer_t *peer) noexcept nogil    # connecting; NULL: errno says why
cdef void connection_close(connection_t *connection) noexcept nogil
cdef bint connection_is_acked(connection_t *connection, uint64_t sent_before) noexcept nogil  # did the peer's kernel take anything sent after that count?
cdef bint connection_is_alive(connection_t *connection) noexcept nogil     # of an idle one: neither closed nor reset, as far as is known here

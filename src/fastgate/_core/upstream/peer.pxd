"""A peer: one network address of one target, shared by every reactor.

The balancer picks peers; the pool keeps idle connections to them. A target that
is a name has one peer per address the name resolves to.
"""

from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t


cdef enum:
    PEER_NAME_BYTES = 112       # the longest: a Unix socket path of 108 bytes
    PEER_ADDRESS_BYTES = 112    # sizeof(struct sockaddr_un), rounded up
    PEER_HOST_BYTES = 264       # a name of 253 bytes, brackets, a port


cdef struct pool_t:
    # Part of its peer_t. Idle connections of one reactor to one peer, newest first.
    # Touched by that reactor only.
    void *newest            # upstream connections, linked through their `next_idle`
    void *oldest
    uint32_t idle
    uint32_t padding[11]    # a cache line: the neighbours belong to other reactors


cdef struct peer_t:
    # Owner: reference counted (`refs`): one for each peer set it is in, one for each
    # open connection. Freed by whoever drops the last, on any thread.
    # read-only after build
    char address[PEER_ADDRESS_BYTES]    # struct sockaddr_*
    uint32_t address_len
    uint16_t family
    uint16_t port
    uint32_t name_len
    char name[PEER_NAME_BYTES]          # "192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/x.sock"
    uint32_t host_len
    char host[PEER_HOST_BYTES]          # what a request to it says in Host, unless configured otherwise
    uint32_t n_reactors
    # shared: atomic
    uint32_t refs
    uint32_t is_retired                 # in no peer set any more: do not pool connections
    int32_t inflight                    # requests now at this peer, all reactors
    uint64_t latency_ns                 # EWMA of time to first byte; 0: never measured
    uint64_t latency_at_ns              # when that was last updated (clock_ns)
    # each touched by its reactor only
    pool_t pools[1]                     # n_reactors of them


cdef peer_t *peer_new(const void *address, uint32_t address_len, span_t name, uint16_t port,
                      uint32_t n_reactors) noexcept nogil    # refs 1; NULL: no memory
cdef bint peer_set_host(peer_t *peer, span_t host) noexcept nogil    # before it is shared; False: too long
cdef void peer_ref(peer_t *peer) noexcept nogil
cdef void peer_unref(peer_t *peer) noexcept nogil

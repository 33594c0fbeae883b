"""What a balancing policy is: a build and a pick over an immutable set of peers."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.upstream.peer cimport peer_t


cdef enum:
    PICK_MAX_TRIED = 32         # targets remembered per request; more retries may repeat one
    BALANCER_MAX_REACTORS = 64
    PEER_SET_MAX_PEERS = 65535


cdef enum algorithm_t:
    # Kong's `upstream.algorithm`
    ALGORITHM_ROUND_ROBIN = 0
    ALGORITHM_LEAST_CONNECTIONS
    ALGORITHM_CONSISTENT_HASHING
    ALGORITHM_LATENCY


cdef struct pick_t:
    # What a policy may know of one request. Owner: the exchange; its reactor only.
    uint64_t hash               # consistent hashing: hash_bytes(key, seed 0)
    bint has_hash               # False: no key was found, and the policy spreads evenly
    uint32_t reactor            # index of the reactor that asks
    uint64_t random             # fresh random bits
    uint64_t now_ns             # clock_ns, or what the reactor's loop last read of it
    uint32_t n_tried
    peer_t *tried[PICK_MAX_TRIED]


ctypedef peer_t *(*policy_pick_t)(peer_set_t *set, const pick_t *pick) noexcept nogil


cdef struct peer_set_t:
    # Owner: the upstream (control thread) that built it. Immutable, save what a policy
    # keeps per reactor in `state`. Replaced as a whole; freed once every reactor has
    # passed a loop iteration since (no pointer to it outlives one callback).
    # read-only after build
    arena_t arena               # holds this struct and everything below
    uint32_t n                  # distinct peers of weight > 0
    uint32_t n_reactors
    peer_t **peers              # n of them; one reference each
    uint32_t *weights           # n of them, > 0
    policy_pick_t pick          # NULL result: no peer left to try
    void *table                 # the policy's own, immutable
    # owner thread: part i is touched by reactor i only, in cache lines of its own
    void *state                 # the policy's own


cdef inline bint pick_was_tried(const pick_t *pick, const peer_t *peer) noexcept nogil:
    cdef uint32_t i
    for i in range(pick.n_tried):
        if pick.tried[i] == peer:
            return True
    return False

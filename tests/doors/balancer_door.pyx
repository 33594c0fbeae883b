"""Test door to the balancer: peer sets over made-up peers, picked from Python."""

from libc.stdint cimport int32_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastgate._core.base.atomics cimport atomic_add_i32, atomic_load_i32, atomic_load_u32
from fastgate._core.base.clock cimport clock_ns
from fastgate._core.base.hash cimport hash_bytes, hash_mix
from fastgate._core.base.span cimport span_of
from fastgate._core.upstream.balancer.ewma cimport ewma_latency, ewma_observe
from fastgate._core.upstream.balancer.peer_set cimport peer_set_build, peer_set_free
from fastgate._core.upstream.balancer.policy cimport (
    ALGORITHM_CONSISTENT_HASHING,
    ALGORITHM_LATENCY,
    ALGORITHM_LEAST_CONNECTIONS,
    ALGORITHM_ROUND_ROBIN,
    BALANCER_MAX_REACTORS,
    PEER_SET_MAX_PEERS,
    PICK_MAX_TRIED,
    algorithm_t,
    peer_set_t,
    pick_t,
)
from fastgate._core.upstream.peer cimport peer_new, peer_t, peer_unref

ALGORITHMS = {
    "round-robin": ALGORITHM_ROUND_ROBIN,
    "least-connections": ALGORITHM_LEAST_CONNECTIONS,
    "consistent-hashing": ALGORITHM_CONSISTENT_HASHING,
    "latency": ALGORITHM_LATENCY,
}
MAX_PEERS = PEER_SET_MAX_PEERS
MAX_TRIED = PICK_MAX_TRIED


def hash_key(bytes key) -> int:
    return hash_bytes(<char *>key, len(key), 0)


def mix(uint64_t value) -> int:
    return hash_mix(value)


cdef class Peers:
    """Peers by name, each with one reference of its own."""

    cdef peer_t **peers
    cdef readonly list names

    def __cinit__(self, names):
        cdef uint16_t address[8]
        cdef bytes raw
        self.names = list(names)
        self.peers = <peer_t **>calloc(len(self.names) + 1, sizeof(peer_t *))
        if self.peers == NULL:
            raise MemoryError
        memset(address, 0, sizeof(address))
        for i, name in enumerate(self.names):
            raw = name.encode()
            self.peers[i] = peer_new(address, sizeof(address), span_of(<char *>raw, len(raw)), 0, 1)
            if self.peers[i] == NULL:
                raise MemoryError

    def __dealloc__(self):
        if self.peers != NULL:
            for i in range(len(self.names)):
                peer_unref(self.peers[i])
            free(self.peers)

    def refs(self, uint32_t i) -> int:
        return atomic_load_u32(&self.peers[i].refs)

    def inflight(self, uint32_t i) -> int:
        return atomic_load_i32(&self.peers[i].inflight)

    def set_inflight(self, uint32_t i, int32_t inflight):
        self.peers[i].inflight = inflight

    def add_inflight(self, uint32_t i, int32_t by):
        atomic_add_i32(&self.peers[i].inflight, by)

    def observe(self, uint32_t i, uint64_t latency_ns, uint64_t now_ns):
        ewma_observe(self.peers[i], latency_ns, now_ns)

    def latency(self, uint32_t i, uint64_t now_ns) -> int:
        return ewma_latency(self.peers[i], now_ns)


cdef class PeerSet:
    """A peer set over `peers`; `members` (default: all) are indices into them."""

    cdef peer_set_t *set
    cdef Peers peers
    cdef pick_t request

    def __cinit__(self, str algorithm, Peers peers, weights, members=None, uint32_t n_reactors=1,
                  uint32_t slots=10000):
        cdef algorithm_t code = ALGORITHMS[algorithm]
        cdef uint32_t n, i
        cdef peer_t **chosen
        cdef uint32_t *c_weights
        members = list(range(len(peers.names)) if members is None else members)
        weights = list(weights)
        assert len(weights) == len(members) and 1 <= n_reactors <= BALANCER_MAX_REACTORS
        n = len(members)
        self.peers = peers
        chosen = <peer_t **>calloc(n + 1, sizeof(peer_t *))
        c_weights = <uint32_t *>calloc(n + 1, sizeof(uint32_t))
        try:
            if chosen == NULL or c_weights == NULL:
                raise MemoryError
            for i in range(n):
                chosen[i] = peers.peers[members[i]]
                c_weights[i] = weights[i]
            with nogil:
                self.set = peer_set_build(code, chosen, c_weights, n, n_reactors, slots)
            if self.set == NULL:
                raise MemoryError("peer_set_build gave NULL")
        finally:
            free(chosen)
            free(c_weights)

    def __dealloc__(self):
        peer_set_free(self.set)

    def close(self):
        peer_set_free(self.set)
        self.set = NULL

    @property
    def n(self) -> int:
        return self.set.n

    @property
    def cost_bytes(self) -> int:
        return self.set.arena.total

    def pick(self, key=None, uint32_t reactor=0, uint64_t random=0, uint64_t now_ns=0, tried=()):
        """Index of the picked peer, or None. `key`: hashed as the proxy hashes it, or an int taken as the hash."""
        cdef peer_t *peer
        self.request.has_hash = key is not None
        self.request.hash = 0 if key is None else key if isinstance(key, int) else hash_key(key)
        self.request.reactor = reactor
        self.request.random = random
        self.request.now_ns = now_ns
        self.request.n_tried = len(tried)
        assert self.request.n_tried <= PICK_MAX_TRIED and reactor < self.set.n_reactors
        for i, member in enumerate(tried):
            self.request.tried[i] = self.peers.peers[<uint32_t>member]
        peer = self.set.pick(self.set, &self.request)
        if peer == NULL:
            return None
        for i in range(len(self.peers.names)):
            if self.peers.peers[i] == peer:
                return i
        raise AssertionError("picked a peer that is not in the set")

    def shares(self, uint32_t picks, bint has_hash=False, uint64_t seed=1, uint32_t reactor=0) -> list:
        """How often each peer came in `picks` picks with fresh random bits (and hashes)."""
        cdef list counts = [0] * len(self.peers.names)
        cdef uint64_t state = seed
        for _ in range(picks):
            state = hash_mix(state + <uint64_t>0x9e3779b97f4a7c15u)
            counts[self.pick(hash_mix(state ^ 0x5555) if has_hash else None, reactor, state)] += 1
        return counts

    def churn(self, uint32_t picks, uint32_t reactor, uint64_t seed) -> list:
        """What a reactor does, without the GIL: pick, in flight, answered, observed. Picks by peer of the set."""
        cdef pick_t request
        cdef peer_t *peer
        cdef uint32_t i, k
        cdef uint32_t *counts = <uint32_t *>calloc(self.set.n, sizeof(uint32_t))
        if counts == NULL:
            raise MemoryError
        memset(&request, 0, sizeof(request))
        request.has_hash = True
        request.reactor = reactor
        with nogil:
            for i in range(picks):
                request.random = hash_mix(seed + i)
                request.hash = request.random
                request.now_ns = clock_ns()
                peer = self.set.pick(self.set, &request)
                atomic_add_i32(&peer.inflight, 1)
                ewma_observe(peer, 1000 + request.random % 1000000, request.now_ns)
                atomic_add_i32(&peer.inflight, -1)
                for k in range(self.set.n):
                    counts[k] += self.set.peers[k] == peer
        result = [counts[k] for k in range(self.set.n)]
        free(counts)
        return result

    def time_picks(self, uint32_t picks, bint has_hash=True) -> float:
        """Nanoseconds a pick takes, over `picks` picks with changing hashes."""
        cdef uint64_t started, ended
        cdef uint64_t sum = 0
        cdef uint32_t i
        self.request.has_hash = has_hash
        self.request.reactor = 0
        self.request.n_tried = 0
        self.request.now_ns = clock_ns()
        with nogil:
            started = clock_ns()
            for i in range(picks):
                self.request.random = hash_mix(i)
                self.request.hash = self.request.random
                sum += <uint64_t>self.set.pick(self.set, &self.request).name_len
            ended = clock_ns()
        assert sum > 0
        return <double>(ended - started) / picks

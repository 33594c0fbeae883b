"""Keeps peers over rebuilds, so that their connections and what the balancer learnt outlive them."""

cimport cython
from libc.stdint cimport uint16_t, uint32_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastgate._core.base.atomics cimport atomic_exchange_ptr, atomic_store_u32
from fastgate._core.base.span cimport span_of
from fastgate._core.includes.socket cimport (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    htons,
    sockaddr_in,
    sockaddr_in6,
    sockaddr_un,
)
from fastgate._core.upstream.balancer.peer_set cimport peer_set_build, peer_set_free
from fastgate._core.upstream.balancer.policy cimport (
    ALGORITHM_CONSISTENT_HASHING,
    ALGORITHM_LATENCY,
    ALGORITHM_LEAST_CONNECTIONS,
    ALGORITHM_ROUND_ROBIN,
    algorithm_t,
    peer_set_t,
)
from fastgate._core.upstream.peer cimport peer_new, peer_set_host, peer_t, peer_unref

import socket


ALGORITHMS = {
    "round-robin": ALGORITHM_ROUND_ROBIN,
    "least-connections": ALGORITHM_LEAST_CONNECTIONS,
    "consistent-hashing": ALGORITHM_CONSISTENT_HASHING,
    "latency": ALGORITHM_LATENCY,
}


def is_address(host: str) -> bool:
    """Whether there is nothing to resolve: an IP address or a Unix socket."""
    if host.startswith("unix:"):
        return True
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host.strip("[]"))
        except (OSError, ValueError):
            continue
        return True
    return False


cdef uint32_t _socket_address(str address, int port, char *room) except 0:
    """A struct sockaddr_* in `room` (at least 112 bytes, zeroed); its length."""
    cdef sockaddr_in *four = <sockaddr_in *>room
    cdef sockaddr_in6 *six = <sockaddr_in6 *>room
    cdef sockaddr_un *local = <sockaddr_un *>room
    cdef bytes packed
    if address.startswith("unix:"):
        packed = address[5:].encode()
        if len(packed) >= 108:
            raise ValueError(f"{address}: a Unix socket's path has at most 107 bytes")
        local.sun_family = AF_UNIX
        memcpy(local.sun_path, <const char *>packed, len(packed))
        return sizeof(sockaddr_un)
    address = address.strip("[]")
    if ":" in address:
        packed = socket.inet_pton(socket.AF_INET6, address)
        six.sin6_family = AF_INET6
        six.sin6_port = htons(<uint16_t>port)
        memcpy(&six.sin6_addr, <const char *>packed, 16)
        return sizeof(sockaddr_in6)
    packed = socket.inet_pton(socket.AF_INET, address)
    four.sin_family = AF_INET
    four.sin_port = htons(<uint16_t>port)
    memcpy(&four.sin_addr, <const char *>packed, 4)
    return sizeof(sockaddr_in)


def peer_text(address: str, port: int) -> str:
    """How logs and metrics name an address: "192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/x.sock"."""
    if address.startswith("unix:"):
        return address
    address = address.strip("[]")
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def host_text(host: str, port: int) -> str:
    """What Host says to a target: its name, and its port unless that is the default."""
    if host.startswith(("unix:", "asgi:")):
        return "localhost"
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return host if port == 80 else f"{host}:{port}"


@cython.no_gc           # as Upstream
cdef class PeerPlan:
    """What an upstream's peers are going to be."""

    def __dealloc__(self):
        peer_set_free(self.c_set)
        for address in self.made or ():
            peer_unref(<peer_t *><uintptr_t>address)


@cython.no_gc           # the collector would empty the dict whose addresses are freed at the end
cdef class Upstream:
    """The current peers of one upstream.

    Args:
        n_reactors: how many reactors use it.
    """

    def __cinit__(self, uint32_t n_reactors):
        self.n_reactors = n_reactors
        self.c_peers = {}
        self.shape = ("round-robin", 10000, [])
        self.c_upstream.peers = peer_set_build(ALGORITHM_ROUND_ROBIN, NULL, NULL, 0, n_reactors, 10000)
        if self.c_upstream.peers == NULL:
            raise MemoryError("no memory for an upstream")

    def __dealloc__(self):
        # No snapshot names it any more and every reactor has moved on: the gateway sees to that.
        peer_set_free(<peer_set_t *>self.c_upstream.peers)
        for address in (self.c_peers or {}).values():
            peer_unref(<peer_t *><uintptr_t>address)

    cdef list give_up(self):
        """No snapshot names it any more: the addresses of its peer_t's, each with our reference."""
        cdef list peers = list(self.c_peers.values())
        cdef uintptr_t pointer
        self.c_peers = {}
        for pointer in peers:
            atomic_store_u32(&(<peer_t *>pointer).is_retired, 1)
        return peers

    def names(self) -> list[tuple[str, int]]:
        return [(host, port) for host, port, weight in self.shape[2] if not is_address(host)]

    cdef PeerPlan plan(self, tuple shape, dict addresses):
        """Builds a peer set; nothing changes yet. May raise ValueError and MemoryError.

        shape: algorithm, slots and targets. addresses: (host, port) to list of IPs, for targets that are names.
        """
        cdef PeerPlan plan = PeerPlan()
        cdef list weights = []
        plan.upstream = self
        plan.peers = {}
        plan.made = []
        plan.shape = shape
        algorithm, slots, targets = shape
        for host, port, weight in targets:
            if weight == 0:
                continue
            for address in [host] if is_address(host) else addresses.get((host, port), ()):
                key = (peer_text(address, port), host_text(host, port))
                if key in plan.peers:
                    continue
                known = self.c_peers.get(key)
                if known is None:
                    # An ASGI application's socket says nothing to whoever reads a log.
                    name = host if host.startswith("asgi:") else key[0]
                    known = <uintptr_t>_peer_of(address, port, name, key[1], self.n_reactors)
                    plan.made.append(known)
                plan.peers[key] = known
                weights.append(weight)
        plan.c_set = _build_set(ALGORITHMS[algorithm], list(plan.peers.values()), weights, self.n_reactors, slots)
        return plan

    cdef peer_set_t *commit(self, PeerPlan plan, list retired) noexcept:
        """Swaps the plan's peer set in.

        retired: gets the addresses of peer_t's that are no longer used, their reference with them.
        Returns the old set, to be freed when no reactor can hold it.
        """
        cdef uintptr_t pointer
        cdef peer_set_t *built = plan.c_set
        for key, pointer in self.c_peers.items():
            if key not in plan.peers:
                atomic_store_u32(&(<peer_t *>pointer).is_retired, 1)
                retired.append(pointer)
        self.c_peers = plan.peers
        self.shape = plan.shape
        plan.made = []
        plan.c_set = NULL
        return <peer_set_t *>atomic_exchange_ptr(&self.c_upstream.peers, built)


cdef peer_t *_peer_of(str address, int port, str name, str host, uint32_t n_reactors) except NULL:
    cdef char room[128]
    cdef uint32_t length
    cdef bytes name_bytes = name.encode()
    cdef bytes host_bytes = host.encode()
    cdef peer_t *peer
    memset(room, 0, sizeof(room))
    length = _socket_address(address, port, room)
    peer = peer_new(room, length, span_of(name_bytes, <size_t>len(name_bytes)), <uint16_t>port, n_reactors)
    if peer == NULL:
        raise MemoryError("no memory for a target")
    if not peer_set_host(peer, span_of(host_bytes, <size_t>len(host_bytes))):
        peer_unref(peer)
        raise ValueError(f"{host}: a target's name has at most 253 bytes")
    return peer


cdef peer_set_t *_build_set(algorithm_t algorithm, list peers, list weights, uint32_t n_reactors,
                            uint32_t slots) except NULL:
    cdef uint32_t n = <uint32_t>len(peers)
    cdef peer_t **c_peers = <peer_t **>calloc(n + 1, sizeof(peer_t *))
    cdef uint32_t *c_weights = <uint32_t *>calloc(n + 1, sizeof(uint32_t))
    cdef peer_set_t *built = NULL
    cdef uint32_t i
    if c_peers != NULL and c_weights != NULL:
        for i in range(n):
            c_peers[i] = <peer_t *><uintptr_t>peers[i]
            c_weights[i] = weights[i]
        built = peer_set_build(algorithm, c_peers, c_weights, n, n_reactors, slots)
    free(c_peers)
    free(c_weights)
    if built == NULL:
        raise MemoryError("no memory for the targets of an upstream, or more than 65,535 of them")
    return built

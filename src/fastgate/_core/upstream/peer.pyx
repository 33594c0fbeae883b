"""Peers: allocation and reference counts."""

from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastgate._core.base.atomics cimport atomic_add_u32, atomic_add_u32_acq_rel
from fastgate._core.base.span cimport span_t


cdef extern from "<sys/socket.h>" nogil:
    struct sockaddr:
        unsigned short sa_family


cdef peer_t *peer_new(const void *address, uint32_t address_len, span_t name, uint16_t port,
                      uint32_t n_reactors) noexcept nogil:
    cdef peer_t *peer
    if address_len > PEER_ADDRESS_BYTES or name.len > PEER_NAME_BYTES or n_reactors == 0:
        return NULL
    peer = <peer_t *>calloc(1, sizeof(peer_t) + (n_reactors - 1) * sizeof(pool_t))
    if peer == NULL:
        return NULL
    memcpy(peer.address, address, address_len)
    peer.address_len = address_len
    peer.family = (<const sockaddr *>address).sa_family
    peer.port = port
    memcpy(peer.name, name.at, name.len)
    peer.name_len = <uint32_t>name.len
    peer.n_reactors = n_reactors
    peer.refs = 1
    return peer


cdef bint peer_set_host(peer_t *peer, span_t host) noexcept nogil:
    if host.len > PEER_HOST_BYTES:
        return False
    memcpy(peer.host, host.at, host.len)
    peer.host_len = <uint32_t>host.len
    return True


cdef void peer_ref(peer_t *peer) noexcept nogil:
    atomic_add_u32(&peer.refs, 1)


cdef void peer_unref(peer_t *peer) noexcept nogil:
    if atomic_add_u32_acq_rel(&peer.refs, <uint32_t>-1) == 1:
        free(peer)

"""Upstreams as Python owns them: targets and addresses in, peer sets out."""

from libc.stdint cimport uint32_t

from fastgate._core.upstream.balancer.policy cimport peer_set_t
from fastgate._core.upstream.upstream cimport upstream_t


cdef class Upstream:
    # Owner: the snapshots that name it and the gateway's table of them. Control thread
    # only; the reactors see `c_upstream` and what it points to.
    cdef upstream_t c_upstream
    cdef uint32_t n_reactors
    cdef dict c_peers               # (address text, host text) -> address of the peer_t; one reference each
    cdef object algorithm
    cdef uint32_t slots
    cdef list targets               # (host, port, weight)

    cdef list give_up(self)
    cdef peer_set_t *rebuild(self, dict addresses, list retired) except? NULL

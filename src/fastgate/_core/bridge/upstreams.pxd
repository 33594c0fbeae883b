"""Upstreams as Python owns them: targets and addresses in, peer sets out."""

from libc.stdint cimport uint32_t

from fastgate._core.upstream.balancer.policy cimport peer_set_t
from fastgate._core.upstream.upstream cimport upstream_t


cdef class PeerPlan:
    # A peer set built for an upstream and not in use yet. Control thread only. Without a
    # commit it takes its peer set, and the peers made for it, along when it goes.
    cdef Upstream upstream
    cdef peer_set_t *c_set
    cdef dict peers                 # as Upstream.c_peers; those made for this plan are in `made`
    cdef list made
    cdef tuple shape                # algorithm, slots, targets


cdef class Upstream:
    # Owner: the snapshots that name it and the gateway's table of them. Control thread
    # only; the reactors see `c_upstream` and what it points to.
    cdef upstream_t c_upstream
    cdef uint32_t n_reactors
    cdef dict c_peers               # (address text, host text) -> address of the peer_t; one reference each
    cdef tuple shape                # algorithm, slots, list of (host, port, weight)

    cdef list give_up(self)
    cdef PeerPlan plan(self, tuple shape, dict addresses)
    cdef peer_set_t *commit(self, PeerPlan plan, list retired) noexcept

"""Latency: the better of two random targets by peak EWMA of time to first byte."""

from libc.stdint cimport uint64_t

from fastgate._core.base.status cimport status_t
from fastgate._core.upstream.balancer.policy cimport peer_set_t
from fastgate._core.upstream.peer cimport peer_t


cdef struct ewma_table_t:
    # Owner: the peer set. read-only after build
    uint64_t *sums          # running sums of the weights; NULL: all weights are equal
    uint64_t total


# What the proxy calls for each answer, from any reactor: `latency_ns` from sending the
# request to the first byte of the answer, `now_ns` as of pick_t. A try that failed
# counts with the time it took, one that timed out with its timeout.
cdef void ewma_observe(peer_t *peer, uint64_t latency_ns, uint64_t now_ns) noexcept nogil
cdef uint64_t ewma_latency(const peer_t *peer, uint64_t now_ns) noexcept nogil     # decayed to now; 0: unknown
cdef status_t ewma_build(peer_set_t *set) noexcept nogil

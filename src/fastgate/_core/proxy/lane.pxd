"""A lane's set-up, its switch to a new snapshot, and what the control thread tells it."""

from libc.stdint cimport uint16_t, uint64_t

from fastgate._core.proxy.exchange cimport gate_t, lane_t
from fastgate._core.upstream.peer cimport peer_t


cdef bint lane_open(lane_t *lane, gate_t *gate, unsigned index, uint64_t seed) noexcept nogil  # False: no memory or descriptors
cdef void lane_close(lane_t *lane) noexcept nogil           # after its reactor has returned
cdef bint lane_listen(lane_t *lane, int fd, bint is_shared, uint16_t port, bint is_unix) noexcept nogil  # before its reactor runs
# from the control thread
cdef bint lane_post_drain(lane_t *lane) noexcept nogil      # stop accepting, close idle connections; False: no memory
cdef void lane_post_short(lane_t *lane) noexcept nogil      # memory is: free what is kept for the next requests
cdef bint lane_post_retire(lane_t *lane, peer_t *peer) noexcept nogil  # close idle connections to it

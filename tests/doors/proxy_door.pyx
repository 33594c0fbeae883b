"""Test door of `_core/proxy`: the pace of a client, the date a lane tells, the room in an exchange."""

from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastgate._core.base.span cimport span_t
from fastgate._core.proxy.exchange cimport EXCHANGE_BYTES, exchange_t, gate_t, lane_date, lane_t
from fastgate._core.proxy.pace cimport pace_deadline_ns, pace_pause, pace_reset, pace_t, pace_wait


cdef class Pace:
    cdef pace_t pace

    def __cinit__(self):
        memset(&self.pace, 0, sizeof(pace_t))
        pace_reset(&self.pace)

    def reset(self):
        pace_reset(&self.pace)

    def wait(self, uint64_t now_ns, uint64_t count):
        pace_wait(&self.pace, now_ns, count)

    def pause(self, uint64_t now_ns):
        pace_pause(&self.pace, now_ns)

    def deadline(self, uint64_t grace_ns, uint64_t min_rate):
        return pace_deadline_ns(&self.pace, grace_ns, min_rate)


cdef class Lane:
    """As much of a lane as tells the time."""
    cdef gate_t gate
    cdef lane_t *lane

    def __cinit__(self):
        memset(&self.gate, 0, sizeof(gate_t))
        self.lane = <lane_t *>calloc(1, sizeof(lane_t))
        if self.lane == NULL:
            raise MemoryError
        self.lane.gate = &self.gate

    def __dealloc__(self):
        free(self.lane)

    def date(self, uint64_t now_ns, uint64_t offset_ns=0):
        """Text of the wall clock now_ns + offset_ns."""
        cdef span_t date
        self.lane.reactor.now_ns = now_ns
        self.gate.wall_offset_ns = offset_ns
        date = lane_date(self.lane)
        return date.at[:date.len]


def head_room():
    """Bytes of a request's head that an exchange holds without asking malloc."""
    return EXCHANGE_BYTES - <size_t>&(<exchange_t *>NULL).room

"""Test door to `plugin/split_share`."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t, arena_take
from fastgate._core.base.hash cimport hash_bytes
from fastgate._core.base.status cimport OK
from fastgate._core.plugin.split_share cimport share_next, share_of, share_set_open, share_set_t, share_t

from libc.string cimport memset


cdef class Shares:
    """(name, weight) pairs."""
    cdef arena_t arena
    cdef share_set_t shares

    def __cinit__(self, list pairs, uint32_t n_reactors=1):
        cdef bytes name
        arena_open(&self.arena)
        memset(&self.shares, 0, sizeof(share_set_t))
        self.shares.shares = <share_t *>arena_take(&self.arena, len(pairs) * sizeof(share_t))
        for name, weight in pairs:
            self.shares.shares[self.shares.n].hash = hash_bytes(<const char *>name, <size_t>len(name), 0)
            self.shares.shares[self.shares.n].weight = weight
            self.shares.n += 1
        if share_set_open(&self.shares, &self.arena, n_reactors) != OK:
            raise ValueError("no weight")

    def __dealloc__(self):
        arena_close(&self.arena)

    def next(self, uint32_t reactor=0, uint64_t random=0):
        return share_next(&self.shares, reactor, random)

    def of(self, bytes key):
        return share_of(&self.shares, hash_bytes(<const char *>key, <size_t>len(key), 0))

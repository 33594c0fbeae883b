"""Test door that misbehaves on purpose: tests/sanitize shows with it that a sanitizer sees what it must."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free

from fastgate._core.base.atomics cimport atomic_add_u32, atomic_load_u32


cdef uint32_t arrived = 0
cdef int shared = 0


def race(uint32_t threads):
    """Called by that many threads: all write one plain variable, with nothing that orders them."""
    global shared
    with nogil:
        atomic_add_u32(&arrived, 1)
        while atomic_load_u32(&arrived) < threads:      # relaxed: they meet, and still are not ordered
            pass
        shared += 1


def read_past_end(int index):
    """For an index of 8 or more: a read outside the block."""
    cdef char *at = <char *>calloc(8, 1)
    cdef char c = at[index]
    free(at)
    return c


def leak():
    cdef char *at = <char *>calloc(1, 4242)
    at[0] = 1


def shift(int a, int by):
    """For 32 or more: a shift that C leaves undefined."""
    return a << by

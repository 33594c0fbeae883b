"""Test door of `_core/base/memory`: blocks taken and given back under a limit."""

from libc.stdint cimport uint64_t
from libc.string cimport memset

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t, arena_take
from fastgate._core.base.memory cimport (
    MEMORY_UNLIMITED, memory_admits, memory_count_socket, memory_figures, memory_give, memory_is_short, memory_limit, memory_resize,
    memory_take, memory_take_zeroed,
)


def limit(bytes_or_none, with_kernel=None):
    memory_limit(MEMORY_UNLIMITED if bytes_or_none is None else <uint64_t>bytes_or_none,
                 MEMORY_UNLIMITED if with_kernel is None else <uint64_t>with_kernel)


def count_sockets(n):
    memory_count_socket(n)


def kernel():
    return memory_figures().kernel


def admits():
    return bool(memory_admits())


def is_short():
    return bool(memory_is_short())


def used():
    return memory_figures().used


def refused():
    return memory_figures().refused


def arena_room(size_t size, bint is_opened):
    """Bytes counted while an arena, a builder's or (never opened) a request's, holds a block of `size`; -1: it got none."""
    cdef arena_t arena
    cdef uint64_t before = memory_figures().used
    memset(&arena, 0, sizeof(arena_t))
    if is_opened:
        arena_open(&arena)
    if arena_take(&arena, size) == NULL:
        return -1
    taken = memory_figures().used - before
    arena_close(&arena)
    return taken


cdef class Block:
    """Filled as far as it goes; `size` is -1 if there was none to have."""
    cdef char *at
    cdef readonly object size

    def __cinit__(self, size_t size, bint is_zeroed=False):
        self.at = <char *>(memory_take_zeroed(size) if is_zeroed else memory_take(size))
        self.size = -1 if self.at == NULL else size
        if self.at != NULL and is_zeroed:
            assert self.at[:size] == bytes(size)
        if self.at != NULL:
            memset(self.at, 0xA5, size)

    def resize(self, size_t size):
        """Whether it could be had."""
        cdef char *moved = <char *>memory_resize(self.at, size)
        cdef size_t before = 0 if self.at == NULL else <size_t>self.size
        if moved == NULL:
            return False
        assert moved[:min(before, size)] == b"\xa5" * min(before, size)
        memset(moved, 0xA5, size)
        self.at = moved
        self.size = size
        return True

    def give(self):
        memory_give(self.at)
        self.at = NULL
        self.size = -1

    def __dealloc__(self):
        memory_give(self.at)

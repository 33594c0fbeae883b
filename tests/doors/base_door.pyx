"""Test door of `_core/base`: its C functions, callable from Python. Never shipped."""

from libc.stdint cimport int32_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_close, arena_copy, arena_open, arena_t, arena_take
from fastgate._core.base.atomics cimport (
    atomic_add_i32, atomic_add_u32, atomic_add_u32_acq_rel, atomic_add_u64, atomic_cas_ptr,
    atomic_cas_u64, atomic_exchange_ptr, atomic_exchange_u32, atomic_load_i32,
    atomic_load_ptr, atomic_load_u32, atomic_load_u32_acquire, atomic_load_u64,
    atomic_load_u64_acquire, atomic_store_ptr, atomic_store_u32,
    atomic_store_u32_release, atomic_store_u64, atomic_store_u64_release, own_add_u32, own_add_u64,
)
from fastgate._core.base.clock cimport clock_ns
from fastgate._core.base.hash cimport hash_bytes, hash_mix
from fastgate._core.base.span cimport (
    ascii_lower, span_eq, span_ieq, span_none, span_of, span_t, span_trim,
)


cdef span_t _span(bytes data) noexcept:
    return span_of(data, len(data))


# --- span ---

def eq(bytes a, bytes b):
    return span_eq(_span(a), _span(b))


def ieq(bytes a, bytes b):
    return span_ieq(_span(a), _span(b))


def trim(bytes data):
    cdef span_t s = span_trim(_span(data))
    return s.at[:s.len]


def lower(int c):
    return <unsigned char>ascii_lower(<char>c)


def none_is_empty():
    cdef span_t s = span_none()
    return s.at == NULL and s.len == 0 and span_eq(s, _span(b""))


# --- hash and clock ---

def hash64(bytes data, uint64_t seed):
    return hash_bytes(<const char *>data, len(data), seed)


def mix(uint64_t x):
    return hash_mix(x)


def hash_unaligned(bytes data, size_t skip, uint64_t seed):
    """The hash of data[skip:], read at whatever address that falls on."""
    return hash_bytes(<const char *>data + skip, len(data) - skip, seed)


def now_ns():
    return clock_ns()


# --- arena ---

cdef extern from * nogil:
    """
    #include <stddef.h>
    #define FG_ALIGNMENT _Alignof(max_align_t)
    """
    size_t FG_ALIGNMENT


def alignment():
    """What any C type may ask for: 16 on 64-bit CPUs, 8 on armv7."""
    return FG_ALIGNMENT


def take_all(list sizes):
    """Takes blocks of these sizes, fills each with its own byte, reads all back at the end.

    Returns (addresses, blocks as first seen were zero, every fill survived, arena.total, total after close).
    """
    cdef arena_t arena
    cdef list addresses = []
    cdef unsigned char *at
    cdef size_t size, i, total
    cdef bint is_zeroed = True, is_kept = True
    cdef size_t k
    arena_open(&arena)
    try:
        for k, size in enumerate(sizes):
            at = <unsigned char *>arena_take(&arena, size)
            if at == NULL:
                raise MemoryError
            for i in range(size):
                is_zeroed &= at[i] == 0
                at[i] = <unsigned char>(k % 255 + 1)
            addresses.append(<size_t>at)
        for k, size in enumerate(sizes):
            at = <unsigned char *><size_t>addresses[k]
            for i in range(size):
                is_kept &= at[i] == <unsigned char>(k % 255 + 1)
        total = arena.total
    finally:
        arena_close(&arena)
    return addresses, is_zeroed, is_kept, total, arena.total


def take_is_refused(size_t size):
    cdef arena_t arena
    cdef void *at
    arena_open(&arena)
    at = arena_take(&arena, size)
    arena_close(&arena)
    return at == NULL


def copy_is_own(bytes data):
    """arena_copy gives the same bytes at another address, and never NULL."""
    cdef arena_t arena
    cdef span_t source = _span(data)
    cdef span_t copy
    arena_open(&arena)
    try:
        copy = arena_copy(&arena, source)
        return copy.at != NULL and copy.at != source.at and span_eq(copy, source)
    finally:
        arena_close(&arena)


# --- atomics ---

cdef class Cell:
    """One word of each kind, for threads to work on without the GIL."""
    cdef uint64_t u64
    cdef uint64_t own
    cdef uint32_t u32
    cdef uint32_t lock
    cdef int32_t i32
    cdef void *pointer

    def __cinit__(self):
        self.u64 = self.own = 0
        self.u32 = self.lock = 0
        self.i32 = 0
        self.pointer = NULL

    def add(self, uint32_t times):
        """Adds 1 to u64 and u32 and takes 1 from i32, `times` times; by CAS too, on own."""
        cdef uint32_t i
        cdef uint64_t seen
        with nogil:
            for i in range(times):
                atomic_add_u64(&self.u64, 1)
                atomic_add_u32(&self.u32, 1)
                atomic_add_i32(&self.i32, -1)
                while True:
                    seen = atomic_load_u64(&self.own)
                    if atomic_cas_u64(&self.own, seen, seen + 1):
                        break

    def add_under_lock(self, uint32_t times):
        """own_add_* by whoever holds the spin lock: one writer at a time, as they ask for."""
        cdef uint32_t i
        with nogil:
            for i in range(times):
                while atomic_exchange_u32(&self.lock, 1):
                    pass
                own_add_u64(&self.own, 1)
                own_add_u32(&self.u32, 1)
                atomic_store_u32_release(&self.lock, 0)

    def values(self):
        return (atomic_load_u64_acquire(&self.u64), atomic_load_u64(&self.own),
                atomic_load_u32_acquire(&self.u32), atomic_load_i32(&self.i32))

    def stores(self, uint64_t a, uint32_t b):
        atomic_store_u64(&self.u64, a)
        atomic_store_u64_release(&self.own, a)
        atomic_store_u32(&self.u32, b)
        return self.values()

    def exchanges(self):
        """(old of an exchange, CAS that must miss, CAS that must hit, value before an add, value now)"""
        cdef uint32_t old = atomic_exchange_u32(&self.u32, 7)
        atomic_store_u64(&self.u64, 7)
        cdef bint missed = atomic_cas_u64(&self.u64, 8, 9)
        cdef bint hit = atomic_cas_u64(&self.u64, 7, 9)
        cdef uint32_t before = atomic_add_u32_acq_rel(&self.u32, 3)
        return old, bool(missed), bool(hit), before, atomic_load_u32(&self.u32)

    def pointer_swap(self):
        """A pointer set, swapped, and compared: True when each step saw what it must."""
        cdef int32_t one = 1, two = 2
        cdef bint is_right = True
        atomic_store_ptr(&self.pointer, &one)
        is_right &= atomic_load_ptr(&self.pointer) == &one
        is_right &= atomic_exchange_ptr(&self.pointer, &two) == &one
        is_right &= not atomic_cas_ptr(&self.pointer, &one, NULL)
        is_right &= atomic_cas_ptr(&self.pointer, &two, NULL)
        return bool(is_right and self.pointer == NULL)

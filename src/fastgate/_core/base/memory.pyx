"""The counter of the data path's memory, and the limit it is held to."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc

from .atomics cimport atomic_add_u64, atomic_load_u64, atomic_store_u64


cdef extern from "malloc.h" nogil:
    size_t malloc_usable_size(void *block)


cdef enum:
    BLOCK_BYTES = sizeof(void *)        # what malloc keeps before a block
    RESERVE_PART = 8                    # of a limit: for what runs already
    SOCKET_BYTES = 2816                 # of the kernel's: 2.1 KB of an idle socket, 2.7 KB with small requests under way


# One process, one sum: blocks are given back by whoever holds them, who need not know which gateway they came from.
cdef uint64_t _used = 0
cdef uint64_t _sockets = 0
cdef uint64_t _limit = MEMORY_UNLIMITED
cdef uint64_t _limit_with_kernel = MEMORY_UNLIMITED
cdef uint64_t _refused = 0


cdef inline uint64_t _kernel() noexcept nogil:
    return atomic_load_u64(&_sockets) * SOCKET_BYTES


cdef inline uint64_t _without_reserve(uint64_t limit) noexcept nogil:
    return limit - limit // RESERVE_PART


cdef inline bint _has_room(size_t size) noexcept nogil:
    """Looked at before, counted after: reactors that ask at the same moment may pass the limit by a block each."""
    cdef uint64_t used = atomic_load_u64(&_used) + size
    if used <= atomic_load_u64(&_limit) and used + _kernel() <= atomic_load_u64(&_limit_with_kernel):
        return True
    atomic_add_u64(&_refused, 1)
    return False


cdef inline void *_counted(void *block) noexcept nogil:
    if block != NULL:
        atomic_add_u64(&_used, malloc_usable_size(block) + BLOCK_BYTES)
    return block


cdef void *memory_take(size_t size) noexcept nogil:
    return _counted(malloc(size)) if _has_room(size) else NULL


cdef void *memory_take_zeroed(size_t size) noexcept nogil:
    return _counted(calloc(1, size)) if _has_room(size) else NULL


cdef void *memory_take_unbounded(size_t size) noexcept nogil:
    return _counted(calloc(1, size))


cdef void *memory_resize(void *block, size_t size) noexcept nogil:
    cdef size_t before = malloc_usable_size(block) if block != NULL else 0
    cdef void *moved
    if block == NULL:
        return memory_take(size)
    # A block that moves is there twice for a moment, but only the new one stays.
    if size > before and not _has_room(size - before):
        return NULL
    moved = realloc(block, size)
    if moved != NULL:
        atomic_add_u64(&_used, <uint64_t>malloc_usable_size(moved) - <uint64_t>before)
    return moved


cdef void memory_give(void *block) noexcept nogil:
    if block == NULL:
        return
    atomic_add_u64(&_used, <uint64_t>0 - (malloc_usable_size(block) + BLOCK_BYTES))
    free(block)


cdef bint memory_is_short() noexcept nogil:
    cdef uint64_t used = atomic_load_u64(&_used)
    return (used > _without_reserve(atomic_load_u64(&_limit))
            or used + _kernel() > _without_reserve(atomic_load_u64(&_limit_with_kernel)))


cdef bint memory_admits() noexcept nogil:
    if not memory_is_short():
        return True
    atomic_add_u64(&_refused, 1)
    return False


cdef void memory_count_socket(int64_t n) noexcept nogil:
    atomic_add_u64(&_sockets, <uint64_t>n)


cdef void memory_limit(uint64_t bytes, uint64_t with_kernel) noexcept nogil:
    atomic_store_u64(&_limit, bytes)
    atomic_store_u64(&_limit_with_kernel, with_kernel)


cdef memory_figures_t memory_figures() noexcept nogil:
    cdef memory_figures_t figures
    figures.used = atomic_load_u64(&_used)
    figures.kernel = _kernel()
    figures.limit = atomic_load_u64(&_limit)
    figures.refused = atomic_load_u64(&_refused)
    return figures

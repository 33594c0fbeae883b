"""Shares of a whole by weight: in turn, or by a key that always falls into the same share."""

from libc.stdint cimport int64_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.status cimport status_t


cdef struct share_t:
    # Part of its set. Read-only after build.
    uint64_t hash                   # of its name: what a key meets
    uint32_t weight                 # 0: gets nothing


cdef struct share_set_t:
    # Owner: a plugin's config, in its arena. Read-only after build, but for `turns`.
    share_t *shares
    uint32_t n
    uint32_t sum                    # of the weights, divided by what they have in common
    # owner thread: part i is touched by reactor i only, in cache lines of its own
    int64_t *turns
    uint32_t stride                 # of a part


# `shares` is filled; weights are brought to lowest terms. NO_MEMORY; FAILED: no weight.
cdef status_t share_set_open(share_set_t *set, arena_t *arena, uint32_t n_reactors) noexcept nogil

# The next in turn: over `sum` turns of a reactor each share comes exactly by its weight, evenly spread. `random`
# is used at a reactor's first turn: where in the cycle it begins.
cdef uint32_t share_next(const share_set_t *set, uint32_t reactor, uint64_t random) noexcept nogil

# That of a key. When one weight grows, keys go to that share alone; when one falls, they leave that one alone.
cdef uint32_t share_of(const share_set_t *set, uint64_t key) noexcept nogil

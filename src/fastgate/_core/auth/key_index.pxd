"""An index from byte strings to numbers, built once: API keys, user names, issuers of tokens.

The hash is keyed with 16 random bytes, so nobody can choose keys that fall into one place; a key found is
compared in a time that does not tell where it differs (its length it does tell).
"""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t


cdef enum:
    KEY_NONE = 0xffffffff           # the value no key has


cdef struct key_item_t:
    # A value: what the index is built from. The bytes are copied.
    span_t key
    uint32_t value


cdef struct key_slot_t:
    # Part of its index, in the arena. Read-only after build, any thread.
    uint32_t mark                   # upper half of the hash
    uint32_t at                     # of the key and its value, in units of 8 bytes; 0: the slot is empty


cdef struct key_index_t:
    # Owner: the plugin's configuration; slots and records are in its snapshot's arena and die with it.
    # Read-only after build, any thread.
    const key_slot_t *slots         # open addressing, at most half full
    const char *records
    uint64_t mask
    uint64_t seed[2]


# `seed`: two random numbers from the system. OK, NO_MEMORY, or MALFORMED: two keys are alike, and `twins_out` has
# their places in `items`, the smaller first.
cdef status_t key_index_build(
    key_index_t *index, arena_t *arena, const key_item_t *items, uint32_t n_items, const uint64_t *seed, uint32_t *twins_out,
) noexcept nogil
cdef uint32_t key_index_find(const key_index_t *index, span_t key) noexcept nogil      # the key's value, or KEY_NONE

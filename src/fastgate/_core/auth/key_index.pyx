"""A hash table in two blocks: slots of 8 bytes, and the keys with their values.

A slot has half of the hash, so a search touches one key's bytes and, for a key that is not there, none.
"""

from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memcpy

from fastgate._core.base.arena cimport arena_t, arena_take
from fastgate._core.base.siphash cimport siphash
from fastgate._core.base.span cimport span_eq, span_t
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK, status_t

from .secret cimport secret_equal


cdef enum:
    UNIT_BYTES = 8


cdef struct record_t:
    # The key's bytes follow.
    uint32_t len
    uint32_t value


cdef inline uint64_t _record_units(span_t key) noexcept nogil:
    return (sizeof(record_t) + <uint64_t>key.len + UNIT_BYTES - 1) // UNIT_BYTES


cdef inline const record_t *_record(const key_index_t *index, uint32_t at) noexcept nogil:
    return <const record_t *>(index.records + <size_t>at * UNIT_BYTES)


cdef inline const record_t *_seek(const key_index_t *index, span_t key, uint64_t hash, uint64_t *place_out) noexcept nogil:
    """The key's record, or NULL; the place is that of the slot where the search ended."""
    cdef uint64_t i = hash & index.mask
    cdef const record_t *record = NULL
    while index.slots[i].at:
        if index.slots[i].mark == <uint32_t>(hash >> 32):
            record = _record(index, index.slots[i].at)
            if record.len == key.len and secret_equal(record + 1, key.at, key.len):
                break
            record = NULL
        i = (i + 1) & index.mask
    place_out[0] = i
    return record


cdef inline uint64_t _hash(const key_index_t *index, span_t key) noexcept nogil:
    return siphash(key.at, key.len, index.seed[0], index.seed[1])


cdef status_t key_index_build(
    key_index_t *index, arena_t *arena, const key_item_t *items, uint32_t n_items, const uint64_t *seed, uint32_t *twins_out,
) noexcept nogil:
    cdef uint64_t size = 2, units = 1, hash, place = 0      # unit 0 has no record: a slot with 0 is empty
    cdef uint32_t i, at = 1
    cdef char *records
    cdef key_slot_t *slots
    cdef record_t *record
    while size < 2 * <uint64_t>n_items:
        size *= 2
    for i in range(n_items):
        units += _record_units(items[i].key)
    if units > <uint32_t>-1 or units > <size_t>-1 // UNIT_BYTES or size > <size_t>-1 // sizeof(key_slot_t):
        return NO_MEMORY            # more than 32 GiB of keys, or than this machine can address
    slots = <key_slot_t *>arena_take(arena, <size_t>size * sizeof(key_slot_t))
    records = <char *>arena_take(arena, <size_t>units * UNIT_BYTES)
    if slots == NULL or records == NULL:
        return NO_MEMORY
    index.slots = slots
    index.records = records
    index.mask = size - 1
    index.seed[0] = seed[0]
    index.seed[1] = seed[1]
    for i in range(n_items):
        hash = _hash(index, items[i].key)
        if _seek(index, items[i].key, hash, &place) != NULL:
            twins_out[0] = 0
            while not span_eq(items[twins_out[0]].key, items[i].key):
                twins_out[0] += 1
            twins_out[1] = i
            return MALFORMED
        record = <record_t *>(records + <size_t>at * UNIT_BYTES)
        record.len = <uint32_t>items[i].key.len
        record.value = items[i].value
        if items[i].key.len:
            memcpy(record + 1, items[i].key.at, items[i].key.len)
        slots[place].mark = <uint32_t>(hash >> 32)
        slots[place].at = at
        at += <uint32_t>_record_units(items[i].key)
    return OK


cdef uint32_t key_index_find(const key_index_t *index, span_t key) noexcept nogil:
    cdef uint64_t place = 0
    cdef const record_t *record = _seek(index, key, _hash(index, key), &place)
    return <uint32_t>KEY_NONE if record == NULL else record.value

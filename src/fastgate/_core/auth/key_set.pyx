"""Tables of published keys: made, searched, freed."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp

from fastgate._core.auth.crypto cimport DIGEST_SHA256, digest_add, digest_end, digest_start, digest_t
from fastgate._core.auth.verify_key cimport VERIFY_FINGERPRINT_BYTES, verify_key_free
from fastgate._core.base.arena cimport arena_close, arena_open, arena_take
from fastgate._core.base.atomics cimport atomic_load_u32, atomic_store_u32
from fastgate._core.base.span cimport span_eq


cdef key_table_t *key_table_new(uint32_t n_sets) noexcept nogil:
    cdef arena_t arena
    cdef key_table_t *table
    arena_open(&arena)
    table = <key_table_t *>arena_take(&arena, sizeof(key_table_t))
    if table != NULL:
        table.sets = <key_set_t *>arena_take(&arena, (n_sets + 1) * sizeof(key_set_t))
    if table == NULL or table.sets == NULL:
        arena_close(&arena)
        return NULL
    table.arena = arena
    table.n_sets = n_sets
    return table


cdef void key_table_free(key_table_t *table) noexcept nogil:
    cdef key_set_t *keys
    cdef arena_t arena
    cdef uint32_t i, k
    cdef unsigned algorithm
    if table == NULL:
        return
    for i in range(table.n_sets):
        keys = &table.sets[i]
        for k in range(keys.n_keys):
            for algorithm in range(<unsigned>KEY_SET_ALGORITHMS):
                verify_key_free(keys.keys[k].by_algorithm[algorithm])
    arena = table.arena         # the table lies in it
    arena_close(&arena)


cdef void key_set_seal(key_set_t *keys) noexcept nogil:
    cdef digest_t digest
    cdef const set_key_t *key
    cdef uint32_t i, len
    cdef unsigned algorithm
    digest_start(&digest, DIGEST_SHA256)
    for i in range(keys.n_keys):
        key = &keys.keys[i]
        # Lengths first, and a key's place by its algorithm, so that no two sets give the same bytes.
        len = <uint32_t>key.kid.len
        digest_add(&digest, &len, sizeof(len))
        digest_add(&digest, key.kid.at, key.kid.len)
        for algorithm in range(<unsigned>KEY_SET_ALGORITHMS):
            if key.by_algorithm[algorithm] != NULL:
                digest_add(&digest, &algorithm, sizeof(algorithm))
                digest_add(&digest, key.by_algorithm[algorithm].fingerprint, VERIFY_FINGERPRINT_BYTES)
    digest_end(&digest, keys.digest)


cdef key_set_t *key_table_find(const key_table_t *table, const uint8_t *source) noexcept nogil:
    cdef uint32_t low = 0, high, middle
    cdef int order
    if table == NULL:
        return NULL
    high = table.n_sets
    while low < high:
        middle = (low + high) // 2
        order = memcmp(table.sets[middle].source, source, KEY_SET_ID_BYTES)
        if order == 0:
            return &table.sets[middle]
        if order < 0:
            low = middle + 1
        else:
            high = middle
    return NULL


cdef key_found_t key_set_find(const key_set_t *keys, span_t kid, unsigned algorithm,
                              const verify_key_t **key_out) noexcept nogil:
    """Names are public and keys are few: a plain walk, against a verification that costs a hundred times as much."""
    cdef const set_key_t *key
    cdef bint is_known = False
    cdef uint32_t i, n = 0
    for i in range(keys.n_keys):
        key = &keys.keys[i]
        if kid.len and not span_eq(key.kid, kid):
            continue
        is_known = True
        if key.by_algorithm[algorithm] != NULL:
            key_out[0] = key.by_algorithm[algorithm]
            n += 1
    if n == 1:
        return KEY_FOUND
    return KEY_OTHER_ALGORITHM if kid.len and is_known and n == 0 else KEY_UNKNOWN


cdef void key_set_want(key_set_t *keys) noexcept nogil:
    if not atomic_load_u32(&keys.is_wanted):        # a flood of such tokens writes no shared line
        atomic_store_u32(&keys.is_wanted, 1)

"""Keys that other servers publish (JWKS, RFC 7517), as the reactors see them: one table of all sets, replaced whole.

The control thread builds a table and swaps one pointer. A reactor takes the pointer anew for each token and holds it
for no longer than the judgement; the old table is freed once every reactor has begun a turn since.
"""

from libc.stdint cimport uint8_t, uint32_t

from fastgate._core.auth.algorithm cimport ALGORITHM_EDDSA
from fastgate._core.auth.verify_key cimport verify_key_t
from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t


cdef enum:
    KEY_SET_ID_BYTES = 32
    KEY_SET_ALGORITHMS = ALGORITHM_EDDSA + 1


cdef enum key_found_t:
    KEY_FOUND
    KEY_UNKNOWN                 # no key of that name; or, without a name, none that fits, or several
    KEY_OTHER_ALGORITHM         # there is one of that name, for other algorithms


cdef struct set_key_t:
    # One key as it was published. Part of its set. Read-only after build.
    span_t kid                  # empty: it has none
    verify_key_t *by_algorithm[KEY_SET_ALGORITHMS]  # a reference each; NULL: not a key for that algorithm


cdef struct key_set_t:
    # What one source has published. Part of its table.
    # read-only after build
    uint8_t source[KEY_SET_ID_BYTES]    # which: as the plugins name it
    uint8_t digest[KEY_SET_ID_BYTES]    # over all names and keys: another as soon as any token may be judged otherwise
    set_key_t *keys
    uint32_t n_keys
    # shared: atomic
    uint32_t is_wanted          # a reactor met a token whose key is not here; the control thread puts it back


cdef struct key_table_t:
    # Owner: bridge.RemoteKeys, which fills it, sorted by source, and frees it in key_table_free.
    # Read-only once published, but for `is_wanted`.
    arena_t arena               # holds this struct and all below it
    key_set_t *sets
    uint32_t n_sets


cdef key_table_t *key_table_new(uint32_t n_sets) noexcept nogil         # its sets are zeroed; NULL: no memory
cdef void key_table_free(key_table_t *table) noexcept nogil             # control thread; NULL: nothing to do
cdef void key_set_seal(key_set_t *keys) noexcept nogil                  # all keys are in: sets `digest`

cdef key_set_t *key_table_find(const key_table_t *table, const uint8_t *source) noexcept nogil      # NULL: none
# `kid` empty: the token names none, and only a key that no other of the set could stand for is taken.
cdef key_found_t key_set_find(const key_set_t *keys, span_t kid, unsigned algorithm,
                              const verify_key_t **key_out) noexcept nogil
cdef void key_set_want(key_set_t *keys) noexcept nogil                  # any thread

"""Test door to the auth room's tables of published keys."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastgate._core.auth.algorithm cimport algorithm_of
from fastgate._core.auth.crypto cimport crypto_open
from fastgate._core.auth.key_set cimport (
    KEY_SET_ID_BYTES, key_set_find, key_set_seal, key_set_t, key_set_want, key_table_find, key_table_free, key_table_new,
    key_table_t, set_key_t,
)
from fastgate._core.auth.verify_key cimport verify_key_new, verify_key_t
from fastgate._core.base.arena cimport arena_copy, arena_take
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport OK

FOUND = ("found", "unknown", "other algorithm")


cdef span_t _span(bytes data):
    return span_of(<const char *>data, <size_t>len(data))


cdef class Table:
    """{source: [(kid, {algorithm: material}), …]}"""
    cdef key_table_t *table

    def __cinit__(self, dict sets):
        cdef key_set_t *keys
        cdef set_key_t *key
        cdef bytes source, algorithm, material, kid
        cdef const char *problem = NULL
        cdef uint32_t i
        assert crypto_open() == OK
        self.table = key_table_new(<uint32_t>len(sets))
        assert self.table != NULL
        for i, source in enumerate(sorted(sets)):
            keys = &self.table.sets[i]
            memcpy(keys.source, <const char *>source, KEY_SET_ID_BYTES)
            keys.keys = <set_key_t *>arena_take(&self.table.arena, len(sets[source]) * sizeof(set_key_t) + 1)
            assert keys.keys != NULL
            for kid, forms in sets[source]:
                key = &keys.keys[keys.n_keys]
                keys.n_keys += 1
                key.kid = arena_copy(&self.table.arena, _span(kid))
                for algorithm, material in forms.items():
                    key.by_algorithm[algorithm_of(_span(algorithm))] = verify_key_new(algorithm_of(_span(algorithm)), _span(material), &problem)
                    assert key.by_algorithm[algorithm_of(_span(algorithm))] != NULL
            key_set_seal(keys)

    def __dealloc__(self):
        key_table_free(self.table)

    cdef key_set_t *_set(self, bytes source):
        assert len(source) == KEY_SET_ID_BYTES
        return key_table_find(self.table, <const uint8_t *><const char *>source)

    def has(self, bytes source):
        return self._set(source) != NULL

    def digest(self, bytes source):
        return <bytes>(<const char *>self._set(source).digest)[:KEY_SET_ID_BYTES]

    def find(self, bytes source, bytes kid, bytes algorithm):
        """What was found, and the key's fingerprint."""
        cdef const verify_key_t *key = NULL
        found = FOUND[<int>key_set_find(self._set(source), _span(kid), algorithm_of(_span(algorithm)), &key)]
        return found, <bytes>(<const char *>key.fingerprint)[:32] if found == "found" else None

    def want(self, bytes source):
        key_set_want(self._set(source))
        return self._set(source).is_wanted

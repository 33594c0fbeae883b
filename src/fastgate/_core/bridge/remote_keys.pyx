"""Builds tables of published keys, swaps them in, frees them when no reactor can hold them."""

from libc.stdint cimport uint32_t
from libc.string cimport memcpy

from fastgate._core.auth.algorithm cimport algorithm_of
from fastgate._core.auth.crypto cimport crypto_open, crypto_problem
from fastgate._core.auth.key_set cimport (
    KEY_SET_ID_BYTES,
    key_set_seal,
    key_set_t,
    key_table_free,
    key_table_new,
    key_table_t,
    set_key_t,
)
from fastgate._core.auth.verify_key cimport verify_key_free
from fastgate._core.base.atomics cimport atomic_exchange_ptr, atomic_exchange_u32, atomic_load_u64_ordered
from fastgate._core.base.span cimport span_of
from fastgate._core.base.status cimport OK
from fastgate._core.plugin.jwt_keys cimport jwt_keys_forget, jwt_public_key
from fastgate._core.plugin.jwt_remote cimport jwt_remote_id
from fastgate._core.snapshot.keep cimport keep_room, keep_text

from fastgate._core.bridge.errors import SnapshotError


def source_id(config: dict) -> bytes:
    """What a jwt plugin of this configuration calls its source."""
    return jwt_remote_id(config)


def key_problem(algorithm: str, material: bytes) -> str:
    """Why this public key (SubjectPublicKeyInfo in DER) is none for the algorithm; empty: it is."""
    if crypto_open() != OK:
        return crypto_problem().decode()
    try:
        verify_key_free(jwt_public_key(algorithm, material, "a published key"))
    except SnapshotError as error:
        return str(error)
    return ""


cdef class RetiredKeys:
    """A table of the past."""

    def __dealloc__(self):
        key_table_free(self.c_table)


cdef class RemoteKeys:
    """All published keys. The Gateway makes it and lends it its reactors."""

    def __cinit__(self):
        self.retired = []

    def __dealloc__(self):
        key_table_free(self.c_table)

    def publish(self, sets: dict, running: list) -> None:
        """Makes these the keys of all sources: id -> [(kid, [(algorithm, DER), …]), …]. SnapshotError: one is no key.

        running: which reactors do.
        """
        cdef key_table_t *table = _build(sets)
        cdef RetiredKeys old = RetiredKeys()
        cdef uint32_t i
        old.c_table = self.c_table
        self.c_table = table
        atomic_exchange_ptr(&self.gate.remote_keys, table)
        # Ordered: a count read here and not grown later is of a reactor that has seen the new table.
        old.loops = [atomic_load_u64_ordered(&self.lanes[i].reactor.loops_done) for i in range(self.gate.n_lanes)]
        self.retired.append(old)
        self.collect(running)

    def wanted(self) -> list:
        """Ids of the sources that a token asked for another key since the last call."""
        cdef key_set_t *keys
        cdef uint32_t i
        found = []
        if self.c_table != NULL:
            for i in range(self.c_table.n_sets):
                keys = &self.c_table.sets[i]
                if atomic_exchange_u32(&keys.is_wanted, 0):
                    found.append(<bytes>(<const char *>keys.source)[:KEY_SET_ID_BYTES])
        return found

    def collect(self, running: list) -> int:
        """Frees the tables no reactor can use any more; how many remain."""
        cdef RetiredKeys old
        if self.retired:
            self.retired = [old for old in self.retired if not self._is_passed(old, running)]
            jwt_keys_forget()
        return len(self.retired)

    cdef bint _is_passed(self, RetiredKeys old, list running) except -1:
        cdef uint32_t i
        for i in range(self.gate.n_lanes):
            if running[i] and atomic_load_u64_ordered(&self.lanes[i].reactor.loops_done) <= old.loops[i]:
                return False
        return True


cdef int _put_key(key_table_t *table, set_key_t *key, str kid, list forms) except -1:
    cdef bytes name
    cdef unsigned algorithm
    keep_text(&table.arena, kid, &key.kid)
    for form, material in forms:
        name = form.encode()
        algorithm = algorithm_of(span_of(<const char *>name, <size_t>len(name)))
        key.by_algorithm[algorithm] = jwt_public_key(form, material, "a published key")
    return 0


cdef key_table_t *_build(dict sets) except NULL:
    cdef key_table_t *table = key_table_new(<uint32_t>len(sets))
    cdef key_set_t *keys
    cdef bytes source
    cdef uint32_t i
    if table == NULL:
        raise MemoryError("no memory for published keys")
    try:
        for i, source in enumerate(sorted(sets)):
            keys = &table.sets[i]
            memcpy(keys.source, <const char *>source, KEY_SET_ID_BYTES)
            keys.keys = <set_key_t *>keep_room(&table.arena, len(sets[source]) * sizeof(set_key_t))
            for kid, forms in sets[source]:
                keys.n_keys += 1            # from here on key_table_free closes it
                _put_key(table, &keys.keys[keys.n_keys - 1], kid, forms)
            key_set_seal(keys)
    except BaseException:
        key_table_free(table)
        raise
    return table

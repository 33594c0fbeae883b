"""Test door to the auth room's tables: networks, keys, the comparison of secrets; and to SipHash."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy, memset

from fastgate._core.auth.ip_set cimport ip_network_t, ip_set_build, ip_set_has, ip_set_t
from fastgate._core.auth.key_index cimport KEY_NONE, key_index_build, key_index_find, key_index_t, key_item_t
from fastgate._core.auth.secret cimport secret_equal
from fastgate._core.base.arena cimport arena_close, arena_open, arena_t
from fastgate._core.base.hash cimport hash_bytes
from fastgate._core.base.siphash cimport siphash, siphash_two
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport MALFORMED, OK


cdef span_t _span(bytes data):
    return span_of(<const char *>data, <size_t>len(data))


def equal(bytes a, bytes b):
    assert len(a) == len(b)
    return secret_equal(<const char *>a, <const char *>b, <size_t>len(a))


def siphash13(bytes data, uint64_t key_0, uint64_t key_1, size_t skip=0):
    """Of data[skip:], read at whatever address that falls on."""
    return siphash(<const char *>data + skip, <size_t>len(data) - skip, key_0, key_1)


def siphash13_two(bytes data, uint64_t key_0, uint64_t key_1):
    cdef uint64_t second = 0
    cdef uint64_t first = siphash_two(<const char *>data, <size_t>len(data), key_0, key_1, &second)
    return first, second


cdef class IpSet:
    """networks: (16 bytes, bits)."""
    cdef arena_t arena
    cdef ip_set_t set

    def __cinit__(self, list networks):
        cdef size_t n = len(networks), i
        cdef ip_network_t *array = <ip_network_t *>calloc(n + 1, sizeof(ip_network_t))
        arena_open(&self.arena)
        try:
            for i, (address, bits) in enumerate(networks):
                assert len(address) == 16
                memcpy(array[i].bytes, <const char *>(<bytes>address), 16)
                array[i].bits = bits
            memset(&self.set, 0xAA, sizeof(self.set))       # what the builder does not set must not look set
            status = ip_set_build(&self.set, &self.arena, array, <uint32_t>n)
            memset(array, 0xAA, n * sizeof(ip_network_t))   # it keeps nothing of what it was given
        finally:
            free(array)
        if status == MALFORMED:
            raise ValueError("more than 128 bits")
        assert status == OK

    def __dealloc__(self):
        arena_close(&self.arena)

    @property
    def bytes(self):
        return self.arena.total

    @property
    def edges(self):
        return self.set.n_edges_v4, self.set.n_edges_v6

    def has(self, bytes address):
        assert len(address) == 16
        return ip_set_has(&self.set, <const uint8_t *><const char *>address)

    def count(self, bytes addresses, uint32_t passes):
        """How many of them are in the set, over all passes: for timing, without the GIL."""
        cdef const uint8_t *at = <const uint8_t *><const char *>addresses
        cdef size_t n = <size_t>len(addresses) // 16, i
        cdef uint64_t found = 0
        cdef uint32_t each
        with nogil:
            for each in range(passes):
                for i in range(n):
                    found += ip_set_has(&self.set, at + 16 * i)
        return found


cdef class KeyIndex:
    """items: (key, value). Raises KeyError with both places of a key that is there twice."""
    cdef arena_t arena
    cdef key_index_t index

    def __cinit__(self, list items, seed=(1, 2)):
        cdef size_t n = len(items), i
        cdef uint64_t words[2]
        cdef uint32_t twins[2]
        cdef key_item_t *array = <key_item_t *>calloc(n + 1, sizeof(key_item_t))
        words[0], words[1] = seed
        arena_open(&self.arena)
        try:
            for i, (key, value) in enumerate(items):
                array[i].key = _span(key)
                array[i].value = value
            memset(&self.index, 0xAA, sizeof(self.index))
            status = key_index_build(&self.index, &self.arena, array, <uint32_t>n, words, twins)
        finally:
            free(array)
        if status == MALFORMED:
            raise KeyError(twins[0], twins[1])
        assert status == OK

    def __dealloc__(self):
        arena_close(&self.arena)

    @property
    def bytes(self):
        return self.arena.total

    def find(self, bytes key):
        """Its value, or None."""
        cdef uint32_t value = key_index_find(&self.index, _span(key))
        return None if value == <uint32_t>KEY_NONE else value

    def longest_run(self):
        """Most slots in a row that are taken: what the longest search looks at."""
        cdef uint64_t i
        longest = run = 0
        for i in range(2 * (self.index.mask + 1)):      # twice round: a run may go over the end
            run = run + 1 if self.index.slots[i & self.index.mask].at else 0
            longest = max(longest, run)
        return longest

    def count(self, list keys, uint32_t passes):
        """How many of them are in the index, over all passes: for timing, without the GIL."""
        cdef size_t n = len(keys), i
        cdef span_t *array = <span_t *>calloc(n + 1, sizeof(span_t))
        cdef uint64_t found = 0
        cdef uint32_t each
        for i in range(n):
            array[i] = _span(keys[i])
        with nogil:
            for each in range(passes):
                for i in range(n):
                    found += key_index_find(&self.index, array[i]) != <uint32_t>KEY_NONE
        free(array)
        return found


def plain_hash(bytes data, uint64_t seed):
    """`base/hash.pxd`, to show beside."""
    return hash_bytes(<const char *>data, <size_t>len(data), seed)

"""`_core/auth/key_index.pyx` against a dict."""

import random

import pytest
from fastgate_doors import auth_tables_door as door
from hypothesis import example, given
from hypothesis import strategies as st

NONE = 0xFFFFFFFF
keys = st.one_of(st.binary(max_size=40), st.text("ab", max_size=4).map(str.encode))
values = st.integers(0, NONE - 1)
seeds = st.tuples(*[st.integers(0, 2**64 - 1)] * 2)


def near(key: bytes) -> set[bytes]:
    """Keys that look like this one: a bit changed, a byte more, a byte less."""
    changed = {key[:at] + bytes([key[at] ^ 1]) + key[at + 1 :] for at in range(len(key))}
    return changed | {key + b"\0", b"\0" + key, key[:-1], key[1:]}


@given(st.dictionaries(keys, values, max_size=60), st.lists(keys, max_size=20), seeds)
@example({b"": 0}, [b"\0"], (0, 0))
@example({}, [b"", b"a"], (0, 0))
def test_finds_what_a_dict_finds(table, others, seed):
    index = door.KeyIndex(list(table.items()), seed)
    for key in {*table, *others, *(each for key in table for each in near(key))}:
        assert index.find(key) == table.get(key)


@given(st.lists(st.sampled_from([b"", b"a", b"b", b"ab", b"ba", b"anna", b"otto"]), max_size=9), seeds)
def test_names_both_places_of_a_key_that_is_there_twice(found, seed):
    first: dict[bytes, int] = {}
    twins = None
    for at, key in enumerate(found):
        if first.setdefault(key, at) != at:
            twins = (first[key], at)
            break
    if twins is None:
        door.KeyIndex([(key, 1) for key in found], seed)
        return
    with pytest.raises(KeyError) as error:
        door.KeyIndex([(key, 1) for key in found], seed)
    assert error.value.args == twins


def test_a_hundred_thousand_keys():
    pick = random.Random(3)
    table = {pick.randbytes(16).hex().encode(): at for at in range(100_000)}
    index = door.KeyIndex(list(table.items()))
    assert all(index.find(key) == value for key, value in table.items())
    assert not any(index.find(pick.randbytes(16).hex().encode()) is not None for _ in range(10_000))
    assert index.longest_run() < 60             # at most half full, and spread: about 20 here
    assert index.bytes < 8 * 2**18 + 100_000 * 41


def test_keys_chosen_against_the_plain_hash_are_spread():
    """All 4,096 have one value of `base/hash.pxd`, under any seed (see test_siphash)."""
    blocks = bytes(16), (1 << 63).to_bytes(8, "little") + (1 << 63 | 1 << 31).to_bytes(8, "little")
    found = [b"".join(blocks[number >> bit & 1] for bit in range(12)) for number in range(4096)]
    assert len({door.plain_hash(key, 7) for key in found}) == 1
    assert door.KeyIndex([(key, 0) for key in found]).longest_run() < 40


def test_the_seed_decides_where_keys_lie():
    """Two keys that are neighbours under one seed are not under all: the table does use what it was given."""
    items = [(b"key %d" % at, at) for at in range(48)]      # of 128 slots
    assert len({door.KeyIndex(items, (seed, 0)).longest_run() for seed in range(30)}) > 1
    assert len({door.KeyIndex(items, (0, seed)).longest_run() for seed in range(30)}) > 1


def test_keys_that_a_slot_cannot_tell_apart():
    """A slot has 32 bits of the hash; among 300,000 keys a few share these and their place."""
    seen: dict[tuple[int, int], bytes] = {}
    pairs = []
    for key in (b"%07d" % at for at in range(300_000)):
        hashed = door.siphash13(key, 1, 2)
        other = seen.setdefault((hashed >> 32, hashed & 3), key)
        if other is not key:
            pairs.append((other, key))
    assert pairs
    for one, other in pairs:
        assert door.KeyIndex([(one, 1)], (1, 2)).find(other) is None
        both = door.KeyIndex([(one, 1), (other, 2)], (1, 2))
        assert (both.find(one), both.find(other)) == (1, 2)


def test_long_keys():
    long = bytes(100_000)
    index = door.KeyIndex([(long, 5), (long + b"\0", 6)])
    assert (index.find(long), index.find(long + b"\0"), index.find(long[:-1])) == (5, 6, None)

"""`_core/base/hash.pxd`: equal on every architecture, or a cluster's hash rings would not agree."""

from hypothesis import given
from hypothesis import strategies as st

from fastgate_doors import base_door as door

MASK = 2**64 - 1


def mix(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def hash64(data: bytes, seed: int) -> int:
    h = mix((seed + 0x9E3779B97F4A7C15 * (len(data) + 1)) & MASK)
    for at in range(0, len(data), 8):
        h = (h ^ int.from_bytes(data[at : at + 8], "little")) * 0xFF51AFD7ED558CCD & MASK
        h ^= h >> 32
    return mix(h)


# Recorded once (x86-64). A change here moves the keys of every running cluster.
VECTORS = {
    b"": 0x48218226FF3CD4BF,
    b"a": 0xAE76AE7C8CFE9331,
    b"fastgate": 0x56A21A899BB3A188,
    b"192.0.2.1:8080": 0x27CF13D7948FE0B4,
    bytes(range(64)): 0x2EE952083B771DD4,
}


def test_vectors_hold():
    assert {data: door.hash64(data, 0) for data in VECTORS} == VECTORS


@given(st.binary(max_size=100), st.integers(0, MASK))
def test_hash_is_the_model(data, seed):
    assert door.hash64(data, seed) == hash64(data, seed)


@given(st.integers(0, MASK))
def test_mix_is_the_model(x):
    assert door.mix(x) == mix(x)


@given(st.binary(min_size=9, max_size=60), st.integers(0, 8))
def test_hash_does_not_depend_on_alignment(data, skip):
    assert door.hash_unaligned(data, skip, 7) == door.hash64(data[skip:], 7)


def test_seed_and_zero_padding_change_the_hash():
    assert door.hash64(b"key", 1) != door.hash64(b"key", 2)
    assert len({door.hash64(bytes(n), 0) for n in range(64)}) == 64


def test_one_flipped_bit_flips_about_half_the_result():
    base = door.hash64(bytes(16), 0)
    flips = [
        bin(base ^ door.hash64((1 << bit).to_bytes(16, "little"), 0)).count("1") for bit in range(128)
    ]
    assert 28 <= sum(flips) / len(flips) <= 36      # 32 is the mean of a fair coin, 4 is 11 sigma
    assert min(flips) >= 10

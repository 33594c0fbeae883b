"""`_core/base/siphash.pxd`: SipHash-1-3 as others compute it."""

import itertools

import pytest
from fastgate_doors import auth_tables_door as door
from hypothesis import given
from hypothesis import strategies as st

MASK = 2**64 - 1
word = st.integers(0, MASK)


def rotate(x: int, n: int) -> int:
    return (x << n | x >> (64 - n)) & MASK


def siphash(data: bytes, key_0: int, key_1: int, rounds: int = 1, final_rounds: int = 3) -> int:
    return siphash_wide(data, key_0, key_1, rounds, final_rounds, n=1)[0]


def siphash_wide(data: bytes, key_0: int, key_1: int, rounds: int = 1, final_rounds: int = 3, n: int = 2) -> list[int]:
    """n words of 64 bits: one, or the two of the variant with 128 bits."""
    a, b = key_0 ^ 0x736F6D6570736575, key_1 ^ 0x646F72616E646F6D ^ (0xEE if n == 2 else 0)
    c, d = key_0 ^ 0x6C7967656E657261, key_1 ^ 0x7465646279746573

    def turn(times):
        nonlocal a, b, c, d
        for _ in range(times):
            a = (a + b) & MASK
            b = rotate(b, 13) ^ a
            a = rotate(a, 32)
            c = (c + d) & MASK
            d = rotate(d, 16) ^ c
            a = (a + d) & MASK
            d = rotate(d, 21) ^ a
            c = (c + b) & MASK
            b = rotate(b, 17) ^ c
            c = rotate(c, 32)

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 0xFF])
    for at in range(0, len(padded), 8):
        w = int.from_bytes(padded[at : at + 8], "little")
        d ^= w
        turn(rounds)
        a ^= w
    c ^= 0xEE if n == 2 else 0xFF
    turn(final_rounds)
    words = [a ^ b ^ c ^ d]
    if n == 2:
        b ^= 0xDD
        turn(final_rounds)
        words.append(a ^ b ^ c ^ d)
    return words


def test_the_model_gives_the_example_of_the_paper():
    """SipHash-2-4 over 00 … 0e (Aumasson, Bernstein 2012, appendix A)."""
    key_0, key_1 = 0x0706050403020100, 0x0F0E0D0C0B0A0908
    assert siphash(bytes(range(15)), key_0, key_1, 2, 4) == 0xA129CA6149BE45E5
    # and of 128 bits over nothing and over 00, as the authors' reference code gives them
    wide = [b"".join(w.to_bytes(8, "little") for w in siphash_wide(bytes(range(n)), key_0, key_1, 2, 4)) for n in (0, 1)]
    assert [text.hex() for text in wide] == ["a3817f04ba25a8e66df67214c7550293", "da87c1d86b99af44347659119b22fc45"]


# CPython 3.11 hashes bytes so; these are hash(data) under PYTHONHASHSEED=0, which is the key 0, 0.
@pytest.mark.parametrize("data, expected", [
    (b"a", 0x407448D2B89B1813),
    (b"fastgate", 0x5A11F0BEA645BA06),
    (b"192.0.2.1:8080", 0x57E2BF2AF990E518),
    (bytes(range(64)), 0x75E05FD5BBC870C6),
])
def test_gives_what_cpython_gives(data, expected):
    assert door.siphash13(data, 0, 0) == expected == siphash(data, 0, 0)


@given(st.binary(max_size=300), word, word)
def test_is_the_model(data, key_0, key_1):
    assert door.siphash13(data, key_0, key_1) == siphash(data, key_0, key_1)


@given(st.binary(max_size=300), word, word)
def test_two_words_are_the_models(data, key_0, key_1):
    assert door.siphash13_two(data, key_0, key_1) == tuple(siphash_wide(data, key_0, key_1))


@given(st.binary(min_size=9, max_size=60), st.integers(0, 8))
def test_does_not_depend_on_alignment(data, skip):
    assert door.siphash13(data, 3, 4, skip) == siphash(data[skip:], 3, 4)


@given(word, word)
def test_keys_that_collide_in_the_plain_hash_do_not_here(key_0, key_1):
    """A changed top bit survives the plain hash's multiplication, and the next eight bytes can take it back."""
    change = 1 << 63 | 1 << 31
    blocks = bytes(16), (1 << 63).to_bytes(8, "little") + change.to_bytes(8, "little")
    keys = [b"".join(each) for each in itertools.product(blocks, repeat=4)]
    assert len({door.plain_hash(key, key_0) for key in keys}) == 1
    assert len({door.siphash13(key, key_0, key_1) for key in keys}) == len(keys)

"""Digests, HMAC and constant-time equality against hashlib and hmac."""

import hashlib
import hmac

from fastgate_doors import auth_door as door
from hypothesis import given
from hypothesis import strategies as st
from support_keys import needs_libcrypto

NAMES = ["sha1", "sha256", "sha384", "sha512"]
kinds = st.integers(0, 3)
pieces = st.lists(st.binary(max_size=300), max_size=4)


@needs_libcrypto
@given(kinds, pieces)
def test_digest(kind, data):
    assert door.digest(kind, data) == hashlib.new(NAMES[kind], b"".join(data)).digest()


@needs_libcrypto
@given(kinds, st.one_of(st.binary(max_size=300), st.integers(60, 132).map(bytes)), pieces)
def test_hmac(kind, secret, data):
    expected = hmac.digest(secret, b"".join(data), NAMES[kind])
    assert door.hmac(kind, secret, data, expected) == (expected, True)


@needs_libcrypto
@given(kinds, st.binary(max_size=80), pieces, st.integers(0, 63), st.integers(1, 255))
def test_hmac_is_not_another_digest(kind, secret, data, at, flip):
    expected = bytearray(hmac.digest(secret, b"".join(data), NAMES[kind]))
    expected[at % len(expected)] ^= flip
    assert door.hmac(kind, secret, data, bytes(expected))[1] is False
    assert door.hmac(kind, secret, data, bytes(expected[:-1]))[1] is False
    assert door.hmac(kind, secret, data, b"")[1] is False


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_secrets_are_equal_when_their_bytes_are(a, b):
    assert door.are_equal_secrets(a, b) is (a == b)
    assert door.are_equal_secrets(a, bytes(bytearray(a)))


@given(st.binary(min_size=1, max_size=40), st.data())
def test_one_bit_makes_another_secret(a, data):
    b = bytearray(a)
    b[data.draw(st.integers(0, len(a) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    assert not door.are_equal_secrets(a, bytes(b))

"""`_core/base/sha1.pyx` against hashlib."""

import hashlib

import pytest
from fastgate_doors import buffer_door as door
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize("length", range(200))
def test_every_length_around_the_blocks(length):
    data = bytes(i * 7 & 0xFF for i in range(length))
    assert door.digest(data) == hashlib.sha1(data).digest()


@given(st.binary(max_size=5000))
def test_any_bytes(data):
    assert door.digest(data) == hashlib.sha1(data).digest()


def test_length_in_bits_needs_more_than_16_bits():
    data = b"a" * 1_000_003
    assert door.digest(data) == hashlib.sha1(data).digest()

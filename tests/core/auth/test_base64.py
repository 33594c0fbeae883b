"""Base64: strict, one text for each value, against the standard library."""

import base64 as reference

import pytest
from fastgate_doors import auth_door as door
from hypothesis import given
from hypothesis import strategies as st

URL = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@given(st.binary(max_size=200))
def test_what_is_encoded_is_decoded(data):
    assert door.base64url(reference.urlsafe_b64encode(data).rstrip(b"=")) == data
    assert door.base64(reference.b64encode(data)) == data


@given(st.one_of(st.binary(max_size=12), st.text("AQgw-_+/=. \n", max_size=9).map(str.encode)))
def test_only_the_one_text_of_a_value_is_taken(text):
    found = door.base64url(text)
    assert found is None or reference.urlsafe_b64encode(found).rstrip(b"=") == text
    found = door.base64(text)
    assert found is None or reference.b64encode(found) == text


@pytest.mark.parametrize("text", [b"A", b"AAAAA", b"AB", b"AAB", b"AA==", b"AAA=", b"AA AA", b"AAA\n", b"AA+A", b"AA/A", b"AAA.", b"AA\x00A", b"\xff\xff\xff\xff"])
def test_base64url_refuses(text):
    assert door.base64url(text) is None


@pytest.mark.parametrize("text", [b"AA", b"AAA", b"AB==", b"AAB=", b"A===", b"====", b"=", b"AA=A", b"AA-A", b"AA_A", b"AAAA====", b"AA==AAAA", b"AAA=\n"])
def test_base64_refuses(text):
    assert door.base64(text) is None


@pytest.mark.parametrize("byte", range(256))
def test_every_byte_in_every_place(byte):
    for at in range(4):
        text = bytearray(b"AAAA")
        text[at] = byte
        assert (door.base64url(bytes(text)) is not None) == (byte in URL)

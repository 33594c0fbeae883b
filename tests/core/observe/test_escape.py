"""Escapes: what comes out is valid, and tells what went in."""

import ast
import codecs
import json

import pytest
from fastgate_doors import observe_door as door
from hypothesis import example, given
from hypothesis import strategies as st

codecs.register_error(
    "byte_values", lambda error: ("".join(map(chr, error.object[error.start:error.end])), error.end))
BYTES = st.binary(max_size=80) | st.text(max_size=40).map(str.encode) | st.text(
    alphabet='"\\\n\r\t\b\v\x00\x1f\x7f\x80\x9fa é€𝄞', max_size=40).map(str.encode)


@given(BYTES)
@example(b"\xed\xa0\x80")               # a surrogate
@example(b"\xc0\xaf\xe0\x80\xaf\xf0\x80\x80\xaf")     # overlong
@example(b"\xf4\x90\x80\x80\xf5")       # above U+10FFFF
@example("\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff".encode())
@example(b"abcdefg\xe2\x82")            # cut short
def test_json_when_read_back_is_what_went_in(text):
    line = door.escape(text, True)
    assert json.loads(b'"' + line + b'"') == text.decode("utf-8", "byte_values")
    assert all(byte >= 0x20 and byte != 0x7f for byte in line)
    assert not any(0x80 <= ord(char) < 0xa0 for char in line.decode())


@pytest.mark.parametrize("at", range(24))
@pytest.mark.parametrize("byte", [b"\x00", b"\x1f", b'"', b"\\", b"\x7f", b"\xff"])
def test_json_finds_the_byte_at_every_place_of_a_word(byte, at):
    text = b"x" * at + byte + b"y" * (23 - at)
    assert json.loads(b'"' + door.escape(text, True) + b'"') == text.decode("latin-1")
    assert len(door.escape(text, True)) > len(text)


@pytest.mark.parametrize("byte", range(0x20, 0x7f))
def test_plain_bytes_stay(byte):
    text = bytes([byte]) * 9
    expected = text.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    assert door.escape(text, True) == door.escape(text, False) == expected


@given(BYTES)
def test_combined_when_read_back_is_what_went_in(text):
    line = door.escape(text, False)
    assert ast.literal_eval('b"' + line.decode("ascii") + '"') == text
    assert all(0x20 <= byte < 0x7f for byte in line)


def test_combined_uses_apaches_names():
    assert door.escape(b'\b\n\r\t\v"\\\x00\xe9', False) == rb'\b\n\r\t\v\"\\\x00\xe9'

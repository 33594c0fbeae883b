"""A JSON object member by member, against Python's `json`: as many as there are, duplicates too, as they stand."""

from __future__ import annotations

import json

import pytest
from fastgate_doors import auth_door as door
from hypothesis import given, settings
from hypothesis import strategies as st

leaves = st.none() | st.booleans() | st.integers(-10**20, 10**20) | st.text("\"\\/\b\n\x7fé€𝄞a1", max_size=6)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4), max_leaves=8)
pairs = st.lists(st.tuples(st.text("ab\"\\é𝄞", max_size=4), values), max_size=100)


def text_of(members: list, ascii: bool, blank: str) -> bytes:
    inner = ",".join(f"{blank}{json.dumps(name, ensure_ascii=ascii)}{blank}:{blank}{json.dumps(value, ensure_ascii=ascii)}{blank}"
                     for name, value in members)
    return f"{blank}{{{inner}{blank}}}{blank}".encode()


@given(pairs, st.booleans(), st.sampled_from(["", " ", "\r\n\t"]))
def test_every_member_as_it_stands(members, ascii, blank):
    found = door.json_walk(text_of(members, ascii, blank))
    assert [name.decode() for name, _ in found] == [name for name, _ in members]
    assert [value.decode() for _, value in found] == [json.dumps(value, ensure_ascii=ascii) for _, value in members]


@settings(max_examples=300)
@given(pairs, st.booleans(), st.data())
def test_what_python_refuses_is_refused(members, ascii, data):
    text = bytearray(text_of(members[:4], ascii, ""))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(
            [b"", b",", b":", b'"', b"{", b"}", b"[", b"]", b"\\", b"\\u00e9", b"0", b"-", b".", b" ", b"\x1f", b"\x80", b"n"]))
    try:
        whole = json.loads(bytes(text).decode(), object_pairs_hook=list, parse_constant=lambda _: 1 / 0)
        json.dumps(whole, ensure_ascii=False).encode()      # half a surrogate pair, which Python takes, is no text (RFC 8259, 8.2)
    except (ValueError, ZeroDivisionError):
        assert door.json_walk(bytes(text)) is None
        return
    if text.strip(b" \t\r\n")[:1] != b"{":
        assert door.json_walk(bytes(text)) is None
    else:
        assert [name.decode() for name, _ in door.json_walk(bytes(text))] == [name for name, _ in whole]


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{", b"{}}", b"{} x", b'{"a":1,}', b'{"a":1 "b":2}', b'{,}', b'{"\\ud834":1}',
                                  b'{"a":' + b"[" * 40 + b"]" * 40 + b"}"])
def test_what_is_no_object(text):
    assert door.json_walk(text) is None

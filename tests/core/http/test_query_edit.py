"""query_edit against a plain model: what is not named keeps its place and its bytes."""

from __future__ import annotations

from urllib.parse import quote_from_bytes, unquote_to_bytes

import pytest
from fastgate_doors import uri_door
from hypothesis import given
from hypothesis import strategies as st

NAMES = [b"a", b"b", b"a b", b"%", b"\xc3\xa9", b"", b"="]


def name_of(piece: bytes) -> bytes:
    return unquote_to_bytes(piece.partition(b"=")[0].replace(b"+", b" "))


def is_named(piece: bytes, name: bytes) -> bool:
    return piece != b"" and name_of(piece) == name


def escaped(text: bytes) -> bytes:
    return quote_from_bytes(text, safe="").encode()


def edited(how: str, query: bytes, name: bytes, text: bytes = b"") -> bytes | bool:
    pieces = query.split(b"&") if query else []
    there = [at for at, piece in enumerate(pieces) if is_named(piece, name)]
    if how == "has":
        return bool(there)
    if how == "remove":
        return b"&".join(piece for at, piece in enumerate(pieces) if at not in there)
    if how == "rename":
        kept = [escaped(text) + piece[len(piece.partition(b"=")[0]):] if at in there else piece
                for at, piece in enumerate(pieces) if at in there or not is_named(piece, text)]
        return b"&".join(kept)
    if how == "replace":
        kept = [piece.partition(b"=")[0] + b"=" + text if at in there else piece
                for at, piece in enumerate(pieces) if at not in there[1:]]
        return b"&".join(kept)
    return (query + b"&" if query else b"") + escaped(name) + b"=" + text


names = st.sampled_from(NAMES) | st.binary(max_size=4)
spelled = st.sampled_from([b"a", b"%61", b"A", b"b", b"a+b", b"a%20b", b"%25", b"%", b"%C3%A9", b"%c3%a9", b"", b"%4"])
pieces = st.builds(lambda name, value: name if value is None else name + b"=" + value,
                   spelled, st.none() | st.sampled_from([b"", b"1", b"%41", b"x=y", b"+"]))
queries = st.lists(pieces, max_size=6).map(b"&".join) | st.text("ab=&%+61", max_size=20).map(str.encode)
values = st.sampled_from([b"", b"v", b"%20", b"x%26y"])


@given(st.sampled_from(["has", "remove", "rename", "replace", "append"]), queries, names, st.data())
def test_as_the_model(how, query, name, data):
    text = data.draw(names if how == "rename" else values)
    assert uri_door.query_edit(how, query, name, text) == edited(how, query, name, text)


@given(queries, st.lists(st.tuples(st.sampled_from(["remove", "replace", "append"]), st.just(b"\x01other"), values), max_size=4))
def test_others_keep_every_byte(query, edits):
    """Whatever is done to one argument, the rest is there as it came, in its order."""
    result = query
    for how, name, value in edits:
        result = uri_door.query_edit(how, result, name, value)
    kept = [piece for piece in result.split(b"&") if not is_named(piece, b"\x01other")] if result else []
    assert kept == (query.split(b"&") if query else [])


@pytest.mark.parametrize(("how", "query", "name", "text", "wanted"), [
    ("remove", b"a=1&b=2&a=3", b"a", b"", b"b=2"),
    ("remove", b"a", b"a", b"", b""),
    ("remove", b"x=%zz&&y", b"a", b"", b"x=%zz&&y"),
    ("rename", b"a=%31&b=2&c=3", b"a", b"b", b"b=%31&c=3"),
    ("rename", b"a&b", b"a", b"n&n", b"n%26n&b"),
    ("replace", b"b=2&%61=1&a=3", b"a", b"9", b"b=2&%61=9"),
    ("append", b"", b"a b", b"1", b"a%20b=1"),
    ("append", b"a=1", b"a", b"2", b"a=1&a=2"),
])
def test_examples(how, query, name, text, wanted):
    assert uri_door.query_edit(how, query, name, text) == wanted


@given(st.sampled_from(["remove", "rename", "replace", "append"]), queries, names, values, st.integers(0, 12))
def test_a_small_room_is_never_overrun(how, query, name, text, cap):
    result = uri_door.query_edit(how, query, name, text, cap)
    whole = uri_door.query_edit(how, query, name, text)
    assert result == (whole if len(whole) <= cap else None)

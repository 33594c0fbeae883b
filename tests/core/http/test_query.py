"""http/query against plain Python."""

from urllib.parse import unquote_to_bytes

from fastgate_doors import query_door as query
from hypothesis import example, given
from hypothesis import strategies as st

PIECES = [b"&", b"=", b"a", b"b", b"%61", b"%", b"%4", b"%zz", b"+", b"%2b", b"%26", b"%3D", b"\xff", b"/", b"?"]
queries = st.lists(st.sampled_from(PIECES), max_size=24).map(b"".join)


def decoded(text: bytes) -> bytes:
    return unquote_to_bytes(text.replace(b"+", b" "))


def arguments(text: bytes) -> list[tuple[bytes, bytes | None]]:
    parts = [part.partition(b"=") for part in text.split(b"&") if part]
    return [(name, value if equals else None) for name, equals, value in parts]


@given(queries)
@example(b"a")
@example(b"&&a=&=b&=&")
def test_arguments(text):
    assert query.arguments(text) == arguments(text)


@given(queries, st.sampled_from([b"a", b"b", b"", b"aa", b"+", b" ", b"&", b"a=", b"\xff"]))
def test_counting(text, name):
    alike = [value for found, value in arguments(text) if decoded(found) == name]
    assert query.count(text, name) == (len(alike), alike[0] if alike else None)


@given(queries | st.binary(max_size=40))
@example(b"%")
@example(b"%4")
@example(b"%41%4")
def test_decoding(text):
    assert query.decode(text) == decoded(text)

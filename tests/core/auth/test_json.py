"""JSON of JOSE against Python's `json`, both ways: what one takes the other takes, with the same values."""

import json
from decimal import Decimal
from fractions import Fraction

import pytest
from fastgate_doors import auth_door as door
from hypothesis import example, given, settings
from hypothesis import strategies as st

MEMBERS, DEPTH, MOST_MS = 64, 32, 253402300799000
CONSTANTS = {"null": None, "false": False, "true": True}


class Refused(Exception):
    pass


class Pairs(list):
    """An object as it stood, duplicates included."""


def _refuse(text):
    raise Refused(text)


def _depth(value) -> int:
    if isinstance(value, Pairs):
        return 1 + max((_depth(each) for _, each in value), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0


def _is_utf8(value) -> bool:
    """Whether no string in it has half a surrogate pair."""
    if isinstance(value, str):
        return not any("\ud800" <= c <= "\udfff" for c in value)
    if isinstance(value, Pairs):
        return all(_is_utf8(name) and _is_utf8(each) for name, each in value)
    return all(map(_is_utf8, value)) if isinstance(value, list) else True


def _plain(value):
    if isinstance(value, Pairs):
        return {name: _plain(each) for name, each in value}
    return [_plain(each) for each in value] if isinstance(value, list) else value


def expected(text: bytes):
    """The object as Python reads it, strictly: {name: value}; None: refused. Numbers are Decimals."""
    try:
        value = json.loads(text.decode(), object_pairs_hook=Pairs, parse_constant=_refuse, parse_int=Decimal, parse_float=Decimal)
    except (ValueError, Refused, RecursionError):
        return None
    if not isinstance(value, Pairs) or not _is_utf8(value) or _depth(value) > DEPTH or len(value) > MEMBERS:
        return None
    return {name: each for name, each in value} if len(dict(value)) == len(value) else None


def same(found, value) -> bool:
    type, content = found
    if type == "string":
        return isinstance(value, str) and content == value.encode()
    if type == "number":
        # Whole powers of ten that no date has need not be written out.
        exact = abs(Fraction(value)) * 1000 if abs(value.adjusted()) < 400 else 0 if value.adjusted() < 0 or not value else 10 ** 30
        ms = None if int(exact) > MOST_MS else -int(exact) if value < 0 else int(exact)
        return isinstance(value, Decimal) and Decimal(content[0].decode()) == value and content[1] == ms
    if type in CONSTANTS:
        return value is CONSTANTS[type]
    again = json.loads(content.decode(), object_pairs_hook=Pairs, parse_int=Decimal, parse_float=Decimal)
    return type == ("object" if isinstance(value, Pairs) else "array") and again == value


def agree(text: bytes):
    found, value = door.json(text), expected(text)
    if value is None:
        assert found in ("malformed", "too large"), text
    else:
        assert isinstance(found, dict), text
        assert {name.decode() for name in found} == set(value)
        assert all(same(found[name.encode()], each) for name, each in value.items()), text


leaves = st.one_of(
    st.none(), st.booleans(), st.integers(-10**20, 10**20), st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8), st.text("\"\\/\b\f\n\r\t\x7fé€𝄞a", max_size=6),
)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4), max_leaves=8)
objects = st.dictionaries(st.text(max_size=4), values, max_size=6)


@given(objects, st.booleans(), st.sampled_from([None, 1, "\t", " \r\n"]))
def test_what_python_writes_is_read(value, ascii, indent):
    agree(json.dumps(value, ensure_ascii=ascii, indent=indent).encode("utf-8", "surrogatepass"))


@settings(max_examples=400)
@given(objects, st.data())
def test_damaged_texts(value, data):
    text = bytearray(json.dumps(value, ensure_ascii=data.draw(st.booleans())).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(st.sampled_from(
            [b"", b",", b":", b'"', b"{", b"}", b"[", b"]", b"\\", b"\\u00e9", b"\\ud834\\udd1e", b"\\ud834", b"0", b"-", b".", b"e", b" ", b"\n", b"\x00", b"\x1f", b"\x80", b"\xc3", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"n"]))
    agree(bytes(text))


PIECES = ['{', '}', '[', ']', ',', ':', '"a"', '"b"', '"\\u0061"', '0', '-1.5e3', '01', '1.', '.5', '1e', 'true', 'null', 'nul', 'NaN', '-', '-Infinity', ' ', '\n', '\x0b', '"', '\\', "'", '/**/']


@settings(max_examples=1000)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
@example(['{', '"a"', ':', '0', ',', '"\\u0061"', ':', '0', '}'])
def test_grammar_pieces(pieces):
    agree(b"{" + "".join(pieces).encode() + b"}")
    agree("".join(pieces).encode())


@given(st.binary(max_size=6))
def test_any_bytes_in_a_string(data):
    agree(b'{"' + data + b'":"' + data + b'"}')


def test_utf8_at_every_edge():
    """Each first byte with second bytes around every edge, and what may follow, as Python's decoder judges it."""
    edges = [0x00, 0x22, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff]
    rests = [b"", b"\x80", b"\xbf", b"\x80\x80", b"\xbf\xbf", b"\x7f\x80", b"\x80\xc0", b"\x80\x7f"]
    for first in range(0x80, 0x100):
        for sequence in [bytes([first])] + [bytes([first, second]) + rest for second in edges for rest in rests]:
            agree(b'{"a":"' + sequence + b'"}')
            agree(b'{"a":["' + sequence + b'"]}')


@given(st.decimals(allow_nan=False, allow_infinity=False), st.sampled_from(["{}", "{:e}", "{:E}", "{:f}"]))
@example(Decimal("253402300799"), "{}")
@example(Decimal("253402300799.001"), "{}")
@example(Decimal("1e-400"), "{}")
@example(Decimal("-0.0019"), "{:e}")
@example(Decimal("1300819380.999999999999999999999999"), "{}")
def test_numbers(number, form):
    if abs(number.adjusted()) < 5000:
        agree(b'{"exp":' + form.format(number).lower().encode() + b"}")


@pytest.mark.parametrize("text, ms", [
    ("0", 0), ("-0", 0), ("1", 1000), ("1.5", 1500), ("1.0005", 1000), ("1e3", 1000000), ("1E+3", 1000000), ("15e-1", 1500), ("-1.9999", -1999),
    ("253402300799", MOST_MS), ("253402300800", None), ("1e12", None), ("1e999999999999999999999", None), ("0e999999999999999999999", 0),
    ("1e-999999999999999999999", 0), ("0.000000000000000000000000001e27", 1000), ("1000000000000000000000000000e-27", 1000), ("9" * 40, None),
])
def test_numbers_as_dates(text, ms):
    assert door.json(b'{"exp":%s}' % text.encode()) == {b"exp": ("number", (text.encode(), ms))}


@pytest.mark.parametrize("text", [
    b"", b" ", b"[]", b'"a"', b"1", b"null", b"{", b"{}x", b"{} {}", b'{"a"}', b'{"a":}', b'{"a":1,}', b'{,"a":1}', b"{a:1}", b"{'a':1}", b"\xef\xbb\xbf{}",
    b'{"a":1}\x00', b'{"a":+1}', b'{"a":0x1}', b'{"a":1_0}', b'{"a":tru}', b'{"a":True}', b'{"a":"\x01"}', b'{"a":"\\x41"}', b'{"a":"\\u12"}', b'{"a":"\\u+123"}',
    b'{"a":"\\ud800"}', b'{"a":"\\ud800x"}', b'{"a":"\\udc00"}', b'{"a":"\\ud800\\ud800"}', b'{"a":"\\udc00\\udc00"}', b'{"a":"\xc0\xaf"}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\xf8"}', b'{"a":[1,]}', b'{"a":[1 2]}',
    b'{"a":{"b"}}', b'{"a":{"b":1,}}', b'{"a":[}', b'{"a":{]}', b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'{"":1,"":2}', b'{"a":"', b'{"a":"\\', b'{"a":"\\u', b'{"a":[',
])
def test_refused(text):
    assert door.json(text) == "malformed"


def test_bounds():
    def nest(n):
        return b'{"a":' + b"[" * (n - 1) + b"]" * (n - 1) + b"}"
    assert door.json(nest(DEPTH)) == {b"a": ("array", nest(DEPTH)[5:-1])}
    assert door.json(nest(DEPTH + 1)) == "too large"
    assert door.json(nest(100_000)) == "too large"
    many = {f"m{i}": i for i in range(MEMBERS)}
    assert len(door.json(json.dumps(many).encode())) == MEMBERS
    assert door.json(json.dumps(many | {"x": 0}).encode()) == "too large"


def test_nested_names_may_repeat():
    assert door.json(b'{"a":{"b":1,"b":2}}') == {b"a": ("object", b'{"b":1,"b":2}')}


@given(st.lists(st.one_of(leaves, st.lists(st.text("ab\"\\", max_size=2), max_size=2)), max_size=5), st.text("ab\"\\é", max_size=2), st.booleans())
def test_array_has(array, text, ascii):
    raw = json.dumps(array, ensure_ascii=ascii).encode("utf-8", "surrogatepass")
    if isinstance(door.json(b'{"a":' + raw + b"}"), dict):
        assert door.array_has(raw, text.encode()) == (text in array)


@pytest.mark.parametrize("array, text, has", [
    (b'["\\u0061pi"]', b"api", True), (b'["api","x"]', b"x", True), (b'[["api"]]', b"api", False), (b"[]", b"", False), (b'[""]', b"", True), (b'[ "a" , "b" ]', b"b", True),
    (b'["apix"]', b"api", False), (b'["ap"]', b"api", False), (b'[{"api":"api"}, 1, "\\ud834\\udd1e"]', "𝄞".encode(), True),
])
def test_array_has_known(array, text, has):
    assert door.array_has(array, text) is has

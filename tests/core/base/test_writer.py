"""`_core/base/writer.pxd`: what is written against Python's formatting; never a byte past the end."""

import pytest
from fastgate_doors import buffer_door as door
from hypothesis import given
from hypothesis import strategies as st

U64 = 2**64 - 1
numbers = st.one_of(st.integers(0, U64), st.sampled_from([0, 9, 10, 99, 100, 2**32 - 1, 2**32, 10**19, U64]))
short = st.binary(max_size=12) | st.binary(min_size=13, max_size=70)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), short),
        st.tuples(st.just("span"), short),
        st.tuples(st.just("text"), short.map(lambda data: data.replace(b"\0", b"0"))),
        st.tuples(st.just("field"), short, short),
        st.tuples(st.just("number"), numbers),
        st.tuples(st.just("hex"), numbers),
    ),
    max_size=12,
)


def text_of(kind, *values) -> bytes:
    if kind == "number":
        return b"%d" % values[0]
    if kind == "hex":
        return b"%x" % values[0]
    return values[0] + b": " + values[1] + b"\r\n" if kind == "field" else values[0]


@pytest.mark.parametrize("number", [0, 1, 9, 10, 12345, 10**19, U64])
def test_numbers(number):
    assert door.write([("number", number)], 20) == (b"%d" % number, False, True)


@pytest.mark.parametrize("number", [0, 1, 9, 10, 15, 16, 0xAF, 2**32, U64])
def test_hexadecimal(number):
    assert door.write([("hex", number)], 16) == (b"%x" % number, False, True)


@given(steps, st.integers(0, 120))
def test_writes_what_fits_and_remembers_what_did_not(operations, size):
    expected, is_full = b"", False
    for step in operations:
        text = text_of(*step)
        if len(expected) + len(text) > size:
            is_full = True          # of this piece, nothing
        else:
            expected += text
    assert door.write(operations, size) == (expected, is_full, True)


@given(steps)
def test_exactly_enough_room_is_enough(operations):
    whole = b"".join(text_of(*step) for step in operations)
    assert door.write(operations, len(whole)) == (whole, False, True)
    if whole:
        written, is_full, is_whole = door.write(operations, len(whole) - 1)
        assert is_full and is_whole and len(written) < len(whole)

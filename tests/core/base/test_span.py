"""`_core/base/span.pxd` against bytes methods."""

from hypothesis import given
from hypothesis import strategies as st

from fastgate_doors import base_door as door


def ascii_lower(data: bytes) -> bytes:
    return bytes(c + 32 if 65 <= c <= 90 else c for c in data)


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_eq_is_equality_of_bytes(a, b):
    assert door.eq(a, b) == (a == b)
    assert door.eq(a, bytes(bytearray(a)))


@given(st.binary(max_size=40), st.binary(max_size=40))
def test_ieq_ignores_ascii_case_only(a, b):
    assert door.ieq(a, b) == (ascii_lower(a) == ascii_lower(b))


@given(st.binary(max_size=40))
def test_ieq_holds_for_a_recased_copy(data):
    swapped = bytes(c ^ 32 if chr(c).isascii() and chr(c).isalpha() else c for c in data)
    assert door.ieq(data, swapped)


@given(st.binary(min_size=1, max_size=40), st.data())
def test_ieq_finds_one_changed_bit_wherever_it_is(data, draw):
    at = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[at] ^= draw.draw(st.sampled_from([1 << k for k in range(8)]))
    assert door.ieq(data, bytes(changed)) == (ascii_lower(data) == ascii_lower(bytes(changed)))


def test_ieq_of_two_bytes_is_the_models_at_every_place_of_a_word():
    for at in (0, 3, 7, 8, 12):
        for a in range(256):
            for b in (a ^ 0x20, a ^ 0x21, 255 - a):
                x, y = (b"x" * at + bytes([c]) + b"-" * (12 - at) for c in (a, b))
                assert door.ieq(x, y) == (ascii_lower(x) == ascii_lower(y))


def test_ieq_keeps_bytes_above_ascii_apart():
    # 0xC0 and 0xE0 differ by 32 too, and are upper and lower case only in Latin-1.
    assert not door.ieq(b"\xc0", b"\xe0")


def test_lower_changes_the_26_letters_only():
    assert bytes(door.lower(c) for c in range(256)) == ascii_lower(bytes(range(256)))


@given(st.text(alphabet=" \tab\r\n", max_size=20).map(str.encode))
def test_trim_takes_spaces_and_tabs_from_both_ends(data):
    assert door.trim(data) == data.strip(b" \t")


def test_none_is_an_empty_span():
    assert door.none_is_empty()

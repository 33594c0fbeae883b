"""`_core/auth/secret.pxd`: equal and unequal, wherever they differ."""

from fastgate_doors import auth_tables_door as door
from hypothesis import given
from hypothesis import strategies as st


@given(st.binary(max_size=80))
def test_equal_to_itself_and_to_nothing_with_a_bit_changed(secret):
    assert door.equal(secret, bytes(bytearray(secret)))
    for bit in range(8 * len(secret)):
        changed = bytearray(secret)
        changed[bit // 8] ^= 1 << bit % 8
        assert not door.equal(secret, bytes(changed))


@given(st.integers(0, 40).flatmap(lambda n: st.tuples(st.binary(min_size=n, max_size=n), st.binary(min_size=n, max_size=n))))
def test_answers_as_python_does(pair):
    assert door.equal(*pair) == (pair[0] == pair[1])


def test_two_differences_do_not_undo_each_other():
    assert not door.equal(b"\x01" + bytes(15), bytes(8) + b"\x01" + bytes(7))
    assert not door.equal(b"\x01" + bytes(3) + b"\x01" + bytes(11), bytes(16))
    assert not door.equal(b"\x01\x01", b"\x00\x00")

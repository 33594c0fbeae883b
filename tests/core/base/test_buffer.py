"""`_core/base/buffer.pyx`: a queue of bytes against Python's own, and what it holds when empty."""

import sys

from fastgate_doors import buffer_door as door
from hypothesis import given
from hypothesis import strategies as st

SMALLEST = 1024
LARGEST = 1 << 30

steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5000)),
        st.tuples(st.just("take"), st.integers(0, 6000)),
        st.tuples(st.just("reserve"), st.integers(0, 9000)),
        st.tuples(st.just("clear"), st.just(0)),
    ),
    max_size=40,
)


@given(steps, st.randoms(use_true_random=False))
def test_bytes_come_out_as_they_went_in(operations, random):
    buffer, model = door.Buffer(), b""
    for kind, size in operations:
        if kind == "put":
            data = random.randbytes(size)
            assert buffer.put(data)
            model += data
        elif kind == "take":
            size = min(size, len(model))
            assert buffer.take(size) == model[:size]
            model = model[size:]
        elif kind == "reserve":
            assert buffer.reserve(size)
        else:
            buffer.clear()
            model = b""
        assert (len(buffer), buffer.content) == (len(model), model)
        assert buffer.capacity >= len(model)


def test_empty_buffer_holds_no_memory():
    buffer = door.Buffer()
    assert buffer.put(b"") and not buffer.holds_memory
    buffer.put(b"abc")
    assert buffer.holds_memory
    buffer.take(2)
    assert buffer.holds_memory
    buffer.take(1)
    assert not buffer.holds_memory and buffer.capacity == 0


def test_capacity_doubles_from_the_smallest_and_moves_before_it_grows():
    buffer = door.Buffer()
    buffer.put(b"a")
    assert buffer.capacity == SMALLEST
    buffer.put(b"b" * (SMALLEST - 1))
    assert buffer.capacity == SMALLEST
    buffer.take(600)
    buffer.put(b"c" * 600)              # fits once what is left has moved to the front
    assert buffer.capacity == SMALLEST
    assert buffer.content == b"b" * (SMALLEST - 600) + b"c" * 600
    buffer.put(b"d")
    assert buffer.capacity == 2 * SMALLEST


def test_impossible_sizes_are_refused_and_change_nothing():
    buffer = door.Buffer()
    buffer.put(b"abc")
    for size in (LARGEST - 2, LARGEST, sys.maxsize, 2 * sys.maxsize, 2 * sys.maxsize + 1 - 2, 2 * sys.maxsize + 1):
        assert not buffer.reserve_only(size), size
    assert buffer.content == b"abc"

"""The log ring: a model of what goes in and out, full, turned, and with two threads."""

import threading
from collections import deque

import pytest
from fastgate_doors.observe_door import Ring
from hypothesis import given
from hypothesis import strategies as st


def test_ring_when_empty_has_nothing_to_take():
    assert Ring(64).take(64) == b""


def test_ring_when_full_refuses_until_something_is_taken():
    ring = Ring(64)
    assert ring.put(b"a" * 32, 32) and ring.put(b"b" * 32, 32)
    assert not ring.put(b"c", 1)
    assert ring.take(31) == b"a" * 31 and not ring.put(b"c" * 31, 31)       # never quite up to the reader
    assert ring.put(b"c" * 30, 30)
    assert ring.take(64) == b"a" + b"b" * 32 and ring.take(64) == b"c" * 30 and ring.take(64) == b""


def test_ring_when_less_is_published_than_reserved_keeps_the_rest_free():
    ring = Ring(64)
    for _ in range(6):
        assert ring.put(b"ten bytes!", 14)
    assert not ring.put(b"ten bytes!", 14)
    assert ring.take(64) == b"ten bytes!" * 6


def test_ring_when_a_record_is_larger_than_it_refuses():
    assert not Ring(64).put(b"x", 65)
    assert Ring(64).put(b"x", 64)


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40), st.integers(0, 30)), max_size=200))
def test_ring_gives_what_was_put_in_order(steps):
    ring, size = Ring(96), 96
    model, largest = deque(), 0
    for number, (is_put, n, spare) in enumerate(steps):
        if is_put:
            record = bytes([number % 256]) * n
            largest = max(largest, n + spare)
            if ring.put(record, n + spare):
                model.extend(record)
            else:
                # What is free but of no use: less than a record before the end, one before the reader.
                assert len(model) + largest + n + spare >= size
        else:
            taken = ring.take(n)
            assert taken == bytes(model.popleft() for _ in range(len(taken)))
            assert taken or not model
    while taken := ring.take(size):
        assert taken == bytes(model.popleft() for _ in range(len(taken)))
    assert not model


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=200))
def test_ring_knows_how_many_records_end_in_a_piece(steps):
    ring = Ring(96)
    model = b""
    for is_put, n in steps:
        if is_put:
            record = b"-" * (n - 1) + b"\n"
            model += record if ring.put(record, n) else b""
        else:
            rest = model.count(b"\n")
            taken = ring.take(n, end=b"\n")
            model = model[len(taken):]
            assert ring.records - taken.count(b"\n") in range(model.count(b"\n") + 1)
            if not model:
                assert ring.records == rest
    while piece := ring.take(96, end=b"\n"):
        assert ring.records == piece.count(b"\n")
    assert ring.records == 0


@pytest.mark.parametrize(("size", "most_words"), [(256, 3), (256, 15), (4096, 17), (65536, 64)])
def test_ring_between_two_threads_loses_and_mixes_nothing(size, most_words):
    ring, n = Ring(size), 300_000
    producer = threading.Thread(target=ring.put_words, args=(n, most_words))
    producer.start()
    assert ring.take_words(n) == 0
    producer.join()

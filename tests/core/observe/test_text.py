"""Numbers as text."""

import pytest
from fastgate_doors import observe_door as door
from hypothesis import given
from hypothesis import strategies as st

EDGES = [10**k + d for k in range(20) for d in (-1, 0, 1)] + [2**32 - 1, 2**32, 2**64 - 1]


@pytest.mark.parametrize("v", EDGES)
def test_decimal_at_edges(v):
    assert door.decimal(v) == b"%d" % v


@given(st.integers(0, 2**64 - 1))
def test_decimal_is_pythons(v):
    assert door.decimal(v) == b"%d" % v


@given(st.integers(0, 2**64 - 1))
def test_milliseconds_are_cut_to_microseconds(ns):
    us = ns // 1000
    assert door.milliseconds(ns) == b"%d.%03d" % (us // 1000, us % 1000)

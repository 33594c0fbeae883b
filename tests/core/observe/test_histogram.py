"""The buckets of a latency, against their bounds written out."""

from bisect import bisect_left

import pytest
from fastgate._core.bridge.series_registry import LATENCY_BOUNDS_S
from fastgate_doors import observe_door as door
from hypothesis import given
from hypothesis import strategies as st

BOUNDS_NS = [62_500 << k for k in range(21)]


def test_bounds_are_those_of_the_buckets():
    assert [round(bound * 1e9) for bound in LATENCY_BOUNDS_S] == BOUNDS_NS
    assert BOUNDS_NS[4] == 1_000_000 and BOUNDS_NS[-1] == 65_536_000_000


@pytest.mark.parametrize("k", range(21))
def test_bucket_when_at_a_bound_is_inclusive(k):
    assert door.bucket(BOUNDS_NS[k]) == k
    assert door.bucket(BOUNDS_NS[k] + 1) == k + 1
    assert door.bucket(BOUNDS_NS[k] - 1) == k


@given(st.integers(0, 2**64 - 1) | st.integers(0, 2**37))
def test_bucket_is_the_first_bound_not_below(ns):
    assert door.bucket(ns) == bisect_left(BOUNDS_NS, ns)

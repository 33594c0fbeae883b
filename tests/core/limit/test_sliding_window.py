"""Sliding windows: against the model, and how far the approximation may be off."""

from fractions import Fraction

import pytest
from fastgate_doors.limit_door import Rule, Table
from hypothesis import given
from hypothesis import strategies as st
from limit_model import S, T0, Model, compare


@given(st.data())
def test_decisions_are_the_models(data):
    compare(data, "sliding-window")


@given(st.integers(0, 2**32 - 1), st.integers(1, 2**55 - 1), st.data())
def test_the_models_weight_is_rounded_down_by_little(previous, period, data):
    left = data.draw(st.integers(1, period))
    exact = Fraction(previous * left, period)
    little = Fraction(previous, 2**29) + Fraction(previous, period)
    assert exact - little - 1 <= Model.weighed(previous, left, period) <= exact + little


@given(st.integers(1, 30), st.lists(st.integers(0, S // 2), max_size=200))
def test_never_over_in_an_aligned_window_and_no_burst_around_its_end(limit, gaps):
    table, rule, now, times = Table(10), Rule("sliding-window", [(limit, S)]), T0, []
    for gap in gaps:
        now += gap // 5
        if table.decide(rule, 1, now)["admitted"]:
            times.append(now)
    for at in times:
        assert sum(other // S == at // S for other in times) <= limit
        for part in (1, 2, 10, 1000):
            assert sum(at <= other < at + S // part for other in times) <= limit + limit // part + 1


@given(st.integers(1, 50), st.sampled_from([S, 60 * S, 86400 * S]), st.lists(st.floats(0, 0.5), min_size=10, max_size=200))
def test_who_keeps_to_the_limit_is_never_refused(limit, period, pauses):
    """Each call at least a part of the period after the last one, and that little more that rounding takes."""
    table, rule, now = Table(10), Rule("sliding-window", [(limit, period)]), T0
    for pause in pauses:
        assert table.decide(rule, 1, now)["admitted"]
        now += period // limit + period // 2**29 + 1 + int(pause * period // limit)


@given(st.integers(1, 200), st.integers(2, 5))
def test_even_overload_is_held_to_the_limit_in_any_span(limit, factor):
    """Clients asking evenly at a multiple of the limit: by one, once the first window is over."""
    table, rule, times = Table(10), Rule("sliding-window", [(limit, S)]), []
    gap = S // (limit * factor)
    now = T0 // S * S
    for step in range(5 * limit * factor):
        if table.decide(rule, 1, now + step * gap)["admitted"]:
            times.append(now + step * gap)
    # The first window had none before it: all of its requests came at its beginning.
    steady = [at for at in times if at >= now + 2 * S]
    for at in steady:
        assert sum(at <= other < at + S for other in steady) <= limit + 1


@given(st.integers(1, 50), st.lists(st.integers(0, 3 * S), min_size=1, max_size=100), st.sampled_from([S, 10 * S, 60 * S, 86400 * S]))
def test_who_waits_for_retry_after_is_admitted(limit, gaps, period):
    table, rule, now = Table(10), Rule("sliding-window", [(limit, period)]), T0
    for gap in gaps:
        now += gap * period // (20 * S)
        answer = table.decide(rule, 1, now)
        if not answer["admitted"]:
            now += answer["retry_after_s"] * S
            assert table.decide(rule, 1, now)["admitted"]


@pytest.mark.parametrize("period_s", [1, 60, 3600, 86400])
def test_retry_after_is_enough_where_the_wait_is_a_whole_number_of_seconds(period_s):
    """One request a second falls out of reach; the weight's rounding must not make the wait one short."""
    table, rule = Table(10), Rule("sliding-window", [(period_s, period_s * S)])
    start = 1_700_006_400 * S // (period_s * S) * period_s * S
    assert table.repeat(rule, 1, start, period_s) == period_s
    now = start + period_s * S
    assert table.decide(rule, 1, now)["admitted"]       # what is out of reach is a part of one
    refused = table.decide(rule, 1, now)
    assert not refused["admitted"]
    assert table.decide(rule, 1, now + refused["retry_after_s"] * S)["admitted"]

"""Fixed windows: against the model, and what they promise."""

from fastgate_doors.limit_door import Rule, Table
from hypothesis import given
from hypothesis import strategies as st
from limit_model import S, T0, compare


@given(st.data())
def test_decisions_are_the_models(data):
    compare(data, "fixed-window")


@given(st.integers(1, 20), st.lists(st.integers(0, 3 * S), max_size=200))
def test_never_over_the_limit_in_an_aligned_window(limit, gaps):
    table, rule, now, counts = Table(10), Rule("fixed-window", [(limit, S)]), T0, {}
    for gap in gaps:
        now += gap // 10
        before = counts.get(now // S, 0)
        admitted = table.decide(rule, 1, now)["admitted"]
        assert admitted == (before < limit)
        counts[now // S] = before + admitted


def test_windows_start_at_multiples_of_their_period():
    table, rule = Table(10), Rule("fixed-window", [(1, 60 * S)])
    midnight = 1_700_006_400 * S
    assert table.decide(rule, 1, midnight - 1)["windows"] == [(1, 0, 1)]
    assert table.decide(rule, 1, midnight)["windows"] == [(1, 0, 60)]
    refused = table.decide(rule, 1, midnight + 59 * S + 1)
    assert not refused["admitted"] and refused["retry_after_s"] == 1


def test_a_reactor_whose_clock_is_behind_counts_in_the_window_that_began():
    table, rule = Table(10), Rule("fixed-window", [(2, S)])
    start = T0 // S * S
    assert table.decide(rule, 1, start)["admitted"]
    assert table.decide(rule, 1, start - 1000)["admitted"]
    assert not table.decide(rule, 1, start - 1000)["admitted"]
    assert not table.decide(rule, 1, start)["admitted"]
    assert table.decide(rule, 1, start + S)["admitted"]

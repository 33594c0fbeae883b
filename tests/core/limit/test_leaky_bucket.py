"""Leaky buckets: against the model, and how requests leave."""

from fastgate_doors.limit_door import Rule, Table
from hypothesis import given
from hypothesis import strategies as st
from limit_model import S, T0, ceil_div, compare


@given(st.data())
def test_decisions_are_the_models(data):
    compare(data, "leaky-bucket")


@given(st.lists(st.tuples(st.integers(1, 50), st.sampled_from([S, 2 * S, 60 * S])), min_size=1, max_size=3, unique_by=lambda w: w[1]),
       st.integers(0, 3 * S), st.lists(st.integers(0, S), max_size=150))
def test_requests_leave_an_interval_apart_and_wait_no_longer_than_allowed(windows, max_delay, gaps):
    table, rule, now, leaves = Table(10), Rule("leaky-bucket", windows, max_delay), T0, []
    interval = max(ceil_div(period, limit) for limit, period in windows)
    for gap in gaps:
        now += gap // 20
        answer = table.decide(rule, 1, now)
        assert answer["delay_ns"] <= max_delay
        if answer["admitted"]:
            leaves.append(now + answer["delay_ns"])
        else:
            # The place behind the last one is too far off.
            assert leaves[-1] + interval - now > max_delay
    assert all(later - earlier >= interval for earlier, later in zip(leaves, leaves[1:], strict=False))


def test_a_burst_is_spread_out():
    table, rule = Table(10), Rule("leaky-bucket", [(10, S)], S // 2)
    answers = [table.decide(rule, 1, T0) for _ in range(8)]
    assert [answer["delay_ns"] for answer in answers] == [0, S // 10, S // 5, 3 * S // 10, 2 * S // 5, S // 2, 0, 0]
    assert [answer["admitted"] for answer in answers] == [True] * 6 + [False] * 2
    assert [answer["windows"][0][1] for answer in answers] == [5, 4, 3, 2, 1, 0, 0, 0]


def test_a_request_holds_its_place_in_each_window_from_when_it_leaves():
    table, rule = Table(10), Rule("leaky-bucket", [(1, S), (1, 10 * S)], 100 * S)
    assert [window[2] for window in table.decide(rule, 1, T0)["windows"]] == [1, 10]
    assert [window[2] for window in table.decide(rule, 1, T0)["windows"]] == [11, 20]
    assert table.decide(Rule("leaky-bucket", [(1, S)], 100 * S), 1, T0)["delay_ns"] == 11 * S

"""Token buckets: against the model, and what they promise."""

from bisect import bisect_left

from fastgate_doors.limit_door import Rule, Table
from hypothesis import given
from hypothesis import strategies as st
from limit_model import S, T0, ceil_div, compare


@given(st.data())
def test_decisions_are_the_models(data):
    compare(data, "token-bucket")


@given(st.integers(1, 50), st.integers(1, 50), st.lists(st.integers(0, S), max_size=150))
def test_never_more_than_burst_and_rate_in_any_span(limit, burst, gaps):
    table, rule, now, times = Table(10), Rule("token-bucket", [(limit, S, burst)]), T0, []
    for gap in gaps:
        now += gap // 20
        if table.decide(rule, 1, now)["admitted"]:
            times.append(now)
    interval = ceil_div(S, limit)
    for i, first in enumerate(times):
        for k in range(i, len(times)):
            assert k - i + 1 <= burst + (times[k] - first) // interval


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_an_idle_key_has_its_burst_and_then_its_rate(limit, burst):
    table, rule = Table(10), Rule("token-bucket", [(limit, S, burst)])
    assert table.repeat(rule, 1, T0, burst + 10) == burst
    interval = ceil_div(S, limit)
    assert not table.decide(rule, 1, T0 + interval - 1)["admitted"]
    assert table.decide(rule, 1, T0 + interval)["admitted"]
    assert not table.decide(rule, 1, T0 + interval)["admitted"]


def test_remaining_counts_tokens_and_reset_is_when_all_are_back():
    table, rule = Table(10), Rule("token-bucket", [(10, 10 * S, 4)])
    left = [table.decide(rule, 1, T0)["windows"][0] for _ in range(5)]
    assert left == [(10, 3, 1), (10, 2, 2), (10, 1, 3), (10, 0, 4), (10, 0, 4)]
    assert table.decide(rule, 1, T0)["retry_after_s"] == 1
    assert bisect_left(range(10), True, key=lambda s: table.decide(rule, 1, T0 + s * S, 0)["windows"][0][1] == 4) == 4

"""Decisions: several windows at once, many threads, rules that change, clocks that are set."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastgate_doors.limit_door import Rule, Table
from hypothesis import given
from hypothesis import strategies as st
from limit_model import S, T0

RATES = ["sliding-window", "fixed-window", "token-bucket"]
HOUR = 3600 * S


@pytest.mark.parametrize("algorithm", RATES)
def test_threads_are_admitted_exactly_to_the_limit(algorithm):
    table, rule = Table(1000), Rule(algorithm, [(50_000, HOUR), (40_000, 24 * HOUR)])
    with ThreadPoolExecutor(8) as pool:
        admitted = list(pool.map(lambda _: table.repeat(rule, 1, T0, 20_000), range(8)))
    assert sum(admitted) == 40_000


def test_threads_are_admitted_to_a_leaky_bucket_exactly_while_the_wait_is_short_enough():
    table, rule = Table(1000), Rule("leaky-bucket", [(1000, S)], 10 * S)
    with ThreadPoolExecutor(8) as pool:
        admitted = list(pool.map(lambda _: table.repeat(rule, 1, T0, 5_000), range(8)))
    assert sum(admitted) == 10_001


@pytest.mark.parametrize("algorithm", RATES)
def test_threads_whose_clocks_differ_a_little_are_not_one_over(algorithm):
    """They straddle a window's start: what is counted before it is over counts in either one window or the other."""
    table, rule, start = Table(1000), Rule(algorithm, [(5_000, HOUR)]), (T0 // HOUR + 1) * HOUR
    assert table.repeat(rule, 1, start, 1) == 1
    with ThreadPoolExecutor(8) as pool:
        admitted = list(pool.map(lambda i: table.repeat(rule, 1, start + (-1) ** i * i * 1000, 5_000), range(8)))
    assert sum(admitted) == 4_999


@pytest.mark.parametrize("algorithm", [*RATES, "leaky-bucket"])
def test_a_refusal_by_one_window_consumes_nothing_of_the_others(algorithm):
    table = Table(10)
    rule = Rule(algorithm, [(1, S, 1), (100, HOUR, 100), (1000, 24 * HOUR, 1000)])
    assert table.decide(rule, 1, T0)["admitted"]
    left = table.decide(rule, 1, T0, 0)["windows"][1:]
    for _ in range(50):
        assert not table.decide(rule, 1, T0)["admitted"]
    assert table.decide(rule, 1, T0, 0)["windows"][1:] == left


def test_the_tightest_window_is_the_one_with_least_remaining_then_the_longest():
    table = Table(10)
    answer = table.decide(Rule("fixed-window", [(100, S), (5, 60 * S), (5, HOUR), (9, 24 * HOUR)]), 1, T0)
    assert answer["tightest"] == 2
    assert [window[:2] for window in answer["windows"]] == [(100, 99), (5, 4), (5, 4), (9, 8)]


def test_retry_after_is_that_of_the_window_to_wait_for_longest():
    table, rule = Table(10), Rule("fixed-window", [(1, S), (1, 60 * S)])
    start = T0 // (60 * S) * 60 * S
    table.decide(rule, 1, start)
    assert table.decide(rule, 1, start)["retry_after_s"] == 60


@pytest.mark.parametrize("algorithm", [*RATES, "leaky-bucket"])
def test_keys_do_not_see_each_other(algorithm):
    table, rule = Table(1000), Rule(algorithm, [(1, HOUR, 1)])
    assert table.walk(rule, 0, 500, T0) == 500
    assert table.walk(rule, 0, 500, T0) == 0


# --- rules that change ---

@pytest.mark.parametrize("algorithm", RATES)
@given(before=st.integers(1, 50), after=st.integers(1, 50), asked=st.integers(0, 60))
def test_a_new_limit_is_held_against_what_was_counted(algorithm, before, after, asked):
    table = Table(10)
    used = table.repeat(Rule(algorithm, [(before, HOUR)]), 1, T0, asked)
    more = table.repeat(Rule(algorithm, [(after, HOUR)]), 1, T0, 100)
    if algorithm == "token-bucket":         # the bucket's debt is time: it stays the same share of the hour
        assert abs(more - (after - used * after / before)) <= 1
    else:
        assert more == max(after - used, 0)


def test_a_window_that_stays_keeps_its_count_and_a_new_one_starts_empty():
    table = Table(10)
    table.repeat(Rule("fixed-window", [(10, 60 * S), (20, HOUR)]), 1, T0, 4)
    answer = table.decide(Rule("sliding-window", [(10, S), (50, 10 * S), (30, HOUR), (100, 24 * HOUR)]), 1, T0)
    assert [window[1] for window in answer["windows"]] == [9, 49, 25, 99]
    answer = table.decide(Rule("sliding-window", [(30, HOUR), (10, 60 * S)]), 1, T0)
    assert [window[1] for window in answer["windows"]] == [24, 9]


def test_families_of_algorithms_do_not_mix_and_holders_survive_other_rules():
    table, held = Table(10), Rule("concurrency", [(1, 0)])
    assert table.decide(held, 1, T0)["admitted"]
    for algorithm in [*RATES, "leaky-bucket"]:
        table.decide(Rule(algorithm, [(5, HOUR)]), 1, T0)
    assert not table.decide(held, 1, T0)["admitted"]
    table.release(1)
    assert table.decide(held, 1, T0)["admitted"]


@pytest.mark.parametrize("arguments", [
    ("fixed-window", []), ("fixed-window", [(1, S)] * 7), ("fixed-window", [(0, S)]), ("fixed-window", [(1, 0)]),
    ("fixed-window", [(1, 2**55)]), ("concurrency", [(1, 0), (1, 0)]), ("concurrency", [(0, 0)]),
    ("token-bucket", [(1, 365 * 86400 * S, 2**32 - 1)]), ("leaky-bucket", [(1, S)], 2**55),
])
def test_a_rule_that_makes_no_sense_is_refused(arguments):
    with pytest.raises(ValueError):
        Rule(*arguments)


# --- clocks that are set ---

@pytest.mark.parametrize("algorithm", [*RATES, "leaky-bucket"])
@given(back=st.integers(0, 10 * 365 * 86400 * S), period=st.sampled_from([S, 60 * S, HOUR, 30 * 24 * HOUR]))
def test_a_clock_set_back_locks_no_key_for_longer_than_two_periods(algorithm, back, period):
    table, rule, now = Table(10), Rule(algorithm, [(3, period)], period), T0
    table.repeat(rule, 1, now, 10)
    now -= back
    table.decide(rule, 1, now)
    allowed = 2 * period + S + S            # and the skew, and as much again as that has let it wait
    assert table.decide(rule, 1, now + allowed)["admitted"]


@pytest.mark.parametrize("algorithm", RATES)
@given(back=st.integers(0, 10 * 365 * 86400 * S))
def test_a_clock_set_back_forgives_nothing(algorithm, back):
    table, rule = Table(10), Rule(algorithm, [(3, HOUR)])
    assert table.repeat(rule, 1, T0, 10) == 3
    assert table.repeat(rule, 1, T0 - back, 10) == 0


@pytest.mark.parametrize("algorithm", [*RATES, "leaky-bucket"])
def test_a_clock_set_ahead_starts_afresh(algorithm):
    table, rule = Table(10), Rule(algorithm, [(3, HOUR)])
    table.repeat(rule, 1, T0, 10)
    assert table.decide(rule, 1, T0 + 100 * 365 * 24 * HOUR)["admitted"]

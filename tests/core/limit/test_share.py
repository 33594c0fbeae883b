"""Counts shared between gateways: several tables and a Redis of Python's, which adds up what it is told."""

import pytest
from fastgate_doors.limit_door import Rule, Sharing, Table
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.core

S = 1_000_000_000
START = 1_036_800 * S           # a multiple of the periods below
INTERVAL = S // 10


class Node:
    """A gateway's table, and its half of the exchange."""

    def __init__(self, redis, windows, algorithm="fixed-window", nodes=1, capacity=1000):
        self.redis = redis
        self.sharing = Sharing(nodes)
        self.table = Table(capacity).share()
        self.rule = Rule(algorithm, windows).share(self.sharing)
        self.pending = []

    def ask(self, now, key=1):
        return self.table.decide(self.rule, key, now)["admitted"]

    def admit(self, now, times, key=1):
        return self.table.repeat(self.rule, key, now, times)

    def left(self, now, key=1):
        return self.table.decide(self.rule, key, now, 0)["windows"][0][1]

    def tell(self, now):
        """Redis has them; nobody knows whether the answer comes. Returned: those that count something."""
        fresh = self.table.fetch(self.sharing, now)
        for low, high, at, period, n in fresh:
            where = low, high, at, period
            self.redis[where] = self.redis.get(where, 0) + n
        self.pending += fresh
        return [delta for delta in fresh if delta[4]]

    def hear(self, now):
        for delta in self.pending:
            self.table.learn(delta, self.redis[delta[:4]], now)
        self.pending.clear()

    def exchange(self, now):
        self.tell(now)
        self.hear(now)


def nodes_of(n, *windows, **options):
    redis = {}
    return redis, [Node(redis, list(windows), nodes=n, **options) for _ in range(n)]


def test_what_one_counts_the_other_hears_with_its_own_next_exchange():
    redis, (one, other) = nodes_of(2, (10, 3600 * S))
    now = START + 1800 * S
    assert one.admit(now, 6) == 6 and other.admit(now, 1) == 1
    one.exchange(now)
    other.exchange(now)
    assert other.left(now) == 3 and one.left(now) == 4
    assert other.admit(now, 10) == 3 and sum(redis.values()) == 7


def test_a_refused_request_tells_nothing():
    redis, (one,) = nodes_of(1, (2, 60 * S))
    assert one.admit(START, 5) == 2
    assert [delta[4] for delta in one.tell(START)] == [2]
    assert one.admit(START, 5) == 0 and one.tell(START) == []


def test_what_is_on_its_way_is_not_told_twice_and_what_came_since_is_told_after():
    redis, (one,) = nodes_of(1, (100, 60 * S))
    now = START + 30 * S
    one.admit(now, 3)
    assert len(one.tell(now)) == 1
    one.admit(now, 2)
    assert one.tell(now) == []
    one.hear(now)
    assert one.left(now) == 95
    assert [delta[4] for delta in one.tell(now)] == [2] and sum(redis.values()) == 5


def test_all_windows_are_told_each_for_itself():
    redis, (one,) = nodes_of(1, (5, S), (100, 60 * S))
    for second in range(3):
        one.admit(START + second * S, 4)
        one.exchange(START + second * S)
    totals = {(at, period): n for (_, _, at, period), n in redis.items() if n}
    assert totals == {(START, S): 4, (START + S, S): 4, (START + 2 * S, S): 4, (START, 60 * S): 12}


def test_counts_of_a_window_that_is_over_still_go_to_it():
    redis, (one,) = nodes_of(1, (10, S))
    one.admit(START, 4)
    one.admit(START + S, 3)
    one.exchange(START + S)
    assert sorted((at, n) for (_, _, at, _), n in redis.items()) == [(START, 4), (START + S, 3)]


def test_the_others_last_counts_weigh_in_the_sliding_window():
    redis, (one, other) = nodes_of(2, (100, S), algorithm="sliding-window")
    one.admit(START, 10)
    one.exchange(START)
    other.admit(START + S - 1, 60)
    other.exchange(START + S - 1)
    one.admit(START + S, 1)             # knows of ten
    one.exchange(START + S)
    assert one.left(START + S) == 100 - 69 - 1      # of seventy, the first is out of reach in part


@pytest.mark.parametrize("limit, nodes, shares", [(30, 3, [10, 10, 10]), (31, 3, [10, 10, 10]), (2, 3, [1, 1, 1]), (7, 1, [7])])
def test_away_each_takes_its_share_but_one_at_least(limit, nodes, shares):
    _, found = nodes_of(nodes, (limit, 60 * S))
    for node in found:
        node.sharing.reach(nodes, is_away=True)
    assert [node.admit(START, 100) for node in found] == shares


def test_away_in_a_known_window_it_is_the_share_of_what_is_left():
    _, (one, _, _) = nodes_of(3, (30, 60 * S))
    one.admit(START, 12)
    one.exchange(START)
    one.sharing.reach(3, is_away=True)
    assert one.admit(START, 100) == 6


def test_of_data_that_redis_lost_the_own_counts_are_still_known():
    redis, (one,) = nodes_of(1, (10, 60 * S))
    one.admit(START, 6)
    one.exchange(START)
    redis.clear()
    one.admit(START, 1)
    one.exchange(START)
    assert one.left(START) == 3


def test_a_key_that_went_before_it_was_told_is_counted_as_lost():
    _, (one,) = nodes_of(1, (10, 60 * S), capacity=64)
    for key in range(200):
        one.ask(START, key)
    told = sum(delta[4] for delta in one.tell(START))
    assert told <= 64 and told + one.sharing.lost == 200


def test_a_delta_that_is_dropped_is_not_told_again():
    _, (one,) = nodes_of(1, (10, 60 * S))
    one.admit(START, 3)
    delta, = one.tell(START)
    one.table.drop(delta)
    assert one.sharing.lost == 3
    one.admit(START, 1)
    assert [delta[4] for delta in one.tell(START)] == [1]


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(["ask", "tell", "hear", "wait"]), st.integers(0, 2), st.integers(1, 30)), max_size=60),
       st.sampled_from(["fixed-window", "sliding-window"]))
def test_in_the_end_redis_has_counted_what_was_admitted_and_all_know_it(steps, algorithm):
    redis, found = nodes_of(3, (40, 8 * S), algorithm=algorithm)
    now = START
    admitted = {}
    for step, at, n in steps:
        node = found[at]
        if step == "ask":
            window = now - now % (8 * S)
            admitted[window] = admitted.get(window, 0) + node.admit(now, n)
        elif step == "tell":
            node.tell(now)
        elif step == "hear":
            node.hear(now)
        else:
            now += n * S // 20
            for each in found:
                each.exchange(now)      # within each window: older ones would be dropped
    for _ in range(8):                  # a window's first rounds ask again, for what the others tell late
        for node in found:
            node.exchange(now)
    totals = {}
    for (_, _, at, _), n in redis.items():
        totals[at] = totals.get(at, 0) + n
    assert {at: n for at, n in totals.items() if n} == {at: n for at, n in admitted.items() if n}
    for each in admitted.values():
        assert each <= 3 * 40


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 3 * S), st.integers(1, 9), st.booleans()), max_size=50),
       st.sampled_from(["fixed-window", "sliding-window"]))
def test_alone_it_decides_as_if_it_did_not_share(steps, algorithm):
    windows = [(7, S), (30, 60 * S)]
    _, (one,) = nodes_of(1, *windows, algorithm=algorithm)
    plain, rule = Table(1000), Rule(algorithm, windows)
    now = START
    for wait, times, exchanges in steps:
        now += wait
        assert one.admit(now, times) == plain.repeat(rule, 1, now, times)
        if exchanges:
            one.exchange(now)


def steady(algorithm, limit, rates, seconds=8):
    """Gateways asked at these rates, which exchange every 100 ms, not at the same moment: admitted by second."""
    redis, found = nodes_of(len(rates), (limit, S), algorithm=algorithm)
    by_second = [0] * seconds
    step = S // 1000
    for tick in range(seconds * 1000):
        now = START + tick * step
        for at, (node, rate) in enumerate(zip(found, rates)):
            due = (tick + 1) * rate // 1000 - tick * rate // 1000
            by_second[tick // 1000] += node.admit(now, due) if due else 0
            if tick % 100 == 29 * at:
                node.tell(now)
            if tick % 100 == 29 * at + 3:
                node.hear(now)
    return by_second


@pytest.mark.parametrize("algorithm", ["fixed-window", "sliding-window"])
@pytest.mark.parametrize("limit, rates", [(300, (300, 300, 300)), (300, (1000, 1000, 1000)), (1000, (2000, 1500, 1000)),
                                          (300, (5000, 5000, 5000)), (600, (600, 900, 300))])
def test_in_steady_overload_the_sum_is_within_five_percent(algorithm, limit, rates):
    settled = steady(algorithm, limit, rates)[2:]
    assert 0.95 * limit * len(settled) <= sum(settled) <= 1.05 * limit * len(settled), settled


def test_below_the_limit_nothing_is_refused():
    assert steady("sliding-window", 900, (200, 200, 200)) == [600] * 8
    assert steady("sliding-window", 400, (300, 0, 0)) == [300] * 8

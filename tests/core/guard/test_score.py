"""The score of one address, against a plain model of it."""

import math

import pytest
from fastgate_doors.guard_door import Rules, Visitor
from hypothesis import given
from hypothesis import strategies as st

S = 1_000_000_000
T0 = 1000 * S
WEIGHTS = ("rate_weight", "spread_weight", "probe_weight", "miss_weight", "sequence_weight", "agent_weight")


def only(**given):
    """Rules of ten-second windows in which nothing else counts."""
    return Rules(**given)


class Model:
    """The same rules in floating point and with lists."""

    def __init__(self, window_s):
        self.window = window_s * S
        self.start = None
        self.now, self.before = [], []
        self.agent = self.number = None
        self.run = 0

    def visit(self, now, path, number, agent, is_probe, is_odd):
        if self.start is None:
            self.start = now
        self._turn(now)
        changed = self.agent is not None and agent != self.agent
        self.agent = agent
        if number is not None:
            if self.number is not None and number == self.number + 1:
                self.run += 1
            elif number != self.number:
                self.run = 0
            self.number = number
        self.now.append((path, is_probe, changed, False))

    def _turn(self, now):
        passed = now - self.start
        if passed >= 2 * self.window:
            self.start, self.now, self.before, self.run = now, [], [], 0
        elif passed >= self.window:
            self.start, self.now, self.before = self.start + self.window, [], self.now

    def miss(self, now):
        self._turn(now)
        self.now.append((None, False, False, True))

    def weighed(self, now, column):
        left = (self.window - (now - self.start)) / self.window
        return sum(row[column] for row in self.now) + sum(row[column] for row in self.before) * left

    def requests(self, now):
        left = (self.window - (now - self.start)) / self.window
        count = [sum(row[0] is not None for row in rows) for rows in (self.now, self.before)]
        return count[0] + count[1] * left

    def distinct(self):
        bits = len({row[0] & 63 for row in self.now + self.before if row[0] is not None})
        return min(200, round(-64 * math.log(1 - bits / 64))) if bits < 64 else 200


steps = st.lists(st.tuples(
    st.integers(0, 12 * S), st.integers(0, 2**64 - 1), st.one_of(st.none(), st.integers(0, 5)), st.integers(0, 3),
    st.booleans(), st.booleans(), st.booleans()), max_size=60)


@given(steps)
def test_score_is_the_models(steps):
    rules = Rules(requests=7, paths=9, misses=5, sequence=3, agents=4, rate_weight=100, spread_weight=90, probe_weight=35,
                  miss_weight=70, sequence_weight=60, agent_weight=80)
    visitor, model, now = Visitor(), Model(10), T0
    for pause, path, number, agent, is_probe, is_odd, misses in steps:
        now += pause
        score = visitor.visit(rules, now, path=path, number=number, agent=agent, is_probe=is_probe, is_odd=is_odd)
        model.visit(now, path, number, agent, is_probe, is_odd)
        wanted = (100 * min(14, model.requests(now)) / 7 + 90 * min(9, model.distinct()) / 9
                  + 35 * min(3, sum(row[1] for row in model.now + model.before))
                  + 70 * min(5, model.weighed(now, 3)) / 5 + 60 * min(3, model.run) / 3
                  + 80 * min(4, model.weighed(now, 2)) / 4 + 80 * is_odd)
        # Each of three counts is rounded down, and so is each of five parts.
        assert wanted - (100 / 7 + 70 / 5 + 80 / 4) - 5 <= score <= wanted
        if misses:
            visitor.miss(rules, now)
            model.miss(now)


def test_rate_counts_twice_at_most():
    rules, visitor = only(rate_weight=60, requests=10), Visitor()
    scores = [visitor.visit(rules, T0) for _ in range(40)]
    assert scores[:3] == [6, 12, 18] and scores[9] == 60 and scores[19:] == [120] * 21


def test_spread_tells_many_paths_from_one():
    rules = only(spread_weight=100, paths=30)
    same, many = Visitor(), Visitor()
    assert {same.visit(rules, T0, path=7) for _ in range(100)} == {3}
    assert [many.visit(rules, T0, path=hash((n, "x")) & (2**64 - 1)) for n in range(300)][-1] == 100


def test_probes_count_each_up_to_three():
    rules, visitor = only(probe_weight=35), Visitor()
    assert [visitor.visit(rules, T0, is_probe=is_probe) for is_probe in (False, True, True, False, True, True)] == [0, 35, 70, 70, 105, 105]


def test_misses_count_from_the_next_request_on():
    rules, visitor = only(miss_weight=40, misses=4), Visitor()
    visitor.visit(rules, T0)
    for _ in range(3):
        visitor.miss(rules, T0)
    assert visitor.visit(rules, T0) == 30


def test_a_sequence_is_broken_by_a_jump_and_not_by_a_repetition():
    rules, visitor = only(sequence_weight=10, sequence=10), Visitor()
    numbers = (4, 5, 6, 6, 7, None, 8, 20, 21)
    assert [visitor.visit(rules, T0, number=number) for number in numbers] == [0, 1, 2, 2, 3, 3, 4, 0, 1]


def test_agents_count_odd_ones_and_changes():
    rules, visitor = only(agent_weight=10, agents=10), Visitor()
    assert [visitor.visit(rules, T0, agent=agent, is_odd=is_odd)
            for agent, is_odd in ((1, False), (2, False), (2, False), (1, True), (1, False))] == [0, 1, 1, 12, 2]


def test_it_is_forgotten_in_two_windows():
    rules, visitor = only(rate_weight=100, requests=10, sequence_weight=100, sequence=10), Visitor()
    assert [visitor.visit(rules, T0, number=n) for n in range(10)][-1] == 190
    assert visitor.visit(rules, T0 + 15 * S, number=10) == 60 + 100
    assert visitor.visit(rules, T0 + 40 * S, number=12) == 10


@pytest.mark.parametrize("jump", [-5 * S, 2**62])
def test_a_clock_that_jumps_is_survived(jump):
    rules, visitor = only(rate_weight=100, requests=10), Visitor()
    visitor.visit(rules, T0)
    assert 0 < visitor.visit(rules, T0 + jump) <= 20

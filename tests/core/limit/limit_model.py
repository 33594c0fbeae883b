"""The limiter in plain Python, one key at a time: what the core's decisions are compared with."""

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from hypothesis import strategies as st

S = 10**9
T0 = 1_700_000_000 * S + 123_456_789        # wall time now, about
SKEW = S


def seconds(ns) -> int:
    return ceil(Fraction(ns) / S)


def ceil_div(a: int, b: int) -> int:
    return -(-a // b)


@dataclass
class Cell:
    """A window's whole history is one dict: window's start → count."""
    period: int
    counts: dict = field(default_factory=dict)
    start: int = 0
    tat: int = 0

    def roll(self, now: int) -> int:
        """The start of the window that counts at `now`."""
        start = now // self.period * self.period
        if start < self.start and (now >= self.start or self.start - now <= SKEW):
            start = self.start
        elif start < self.start:        # set back: as if all that was counted had been counted then
            self.counts = {start - shift: self.counts.get(self.start - shift, 0) for shift in (0, self.period)}
        self.start = start
        return start


class Model:
    """One key under one rule. `decide` answers as the door does, less `tightest`."""

    def __init__(self, algorithm: str, windows: list[tuple], max_delay_ns: int = 0):
        self.algorithm, self.max_delay = algorithm, max_delay_ns
        self.windows = [(limit, period, burst[0] if burst and burst[0] else limit) for limit, period, *burst in windows]
        self.cells = [Cell(period) for _, period, _ in self.windows]
        self.holders = 0

    def used(self, i: int, now: int) -> int:
        """Requests; of the two that keep an arrival time: ns ahead of now."""
        limit, period, burst = self.windows[i]
        cell = self.cells[i]
        if self.algorithm == "concurrency":
            return self.holders
        if self.algorithm in ("token-bucket", "leaky-bucket"):
            interval = ceil_div(period, limit)
            ceiling = burst * interval if self.algorithm == "token-bucket" else limit * interval + self.max_delay
            if cell.tat > now + ceiling + SKEW:
                cell.tat = now + ceiling
            return max(cell.tat - now, 0)
        start = cell.roll(now)
        used = cell.counts.get(start, 0)
        if self.algorithm == "sliding-window":
            used += self.weighed(cell.counts.get(start - period, 0), start + period - max(now, start), period)
        return used

    @staticmethod
    def weighed(previous: int, left: int, period: int) -> int:
        """Rounded down, in steps of a power of two, so that it fits in 64 bits."""
        step = 1 << max(period.bit_length() - 31, 0)
        return min(previous, previous * ((left - 1) // step) // (period // step))

    def fits(self, i: int, used: int, cost: int) -> bool:
        limit, period, burst = self.windows[i]
        if self.algorithm == "token-bucket":
            return cost <= burst and used + cost * ceil_div(period, limit) <= burst * ceil_div(period, limit)
        if self.algorithm == "leaky-bucket":
            return cost <= limit and used <= self.max_delay
        return used + cost <= limit

    def decide(self, now: int, cost: int = 1) -> dict:
        indexes = range(len(self.windows))
        used = [self.used(i, now) for i in indexes]
        admitted = all(self.fits(i, used[i], cost) for i in indexes)
        delay = max(used) if self.algorithm == "leaky-bucket" and admitted else 0
        if admitted:
            self.holders += cost
            for i in indexes:
                self.cells[i].counts[self.cells[i].start] = self.cells[i].counts.get(self.cells[i].start, 0) + cost
                if cost:
                    self.cells[i].tat = max(self.cells[i].tat, now + delay) + cost * ceil_div(self.windows[i][1], self.windows[i][0])
        return {"admitted": admitted, "delay_ns": delay, "windows": [self.tell(i, now) for i in indexes]}

    def tell(self, i: int, now: int) -> tuple[int, int, int]:
        limit, period, burst = self.windows[i]
        used = self.used(i, now)
        if self.algorithm == "concurrency":
            return limit, max(limit - used, 0), 0
        if self.algorithm in ("token-bucket", "leaky-bucket"):
            interval = ceil_div(period, limit)
            room = burst * interval - used if self.algorithm == "token-bucket" else self.max_delay - used
            more = room // interval + (self.algorithm == "leaky-bucket")
            return limit, min(max(more, 0), 2**32 - 1), seconds(used)
        start = self.cells[i].start
        return limit, max(limit - used, 0), seconds(start + period - max(now, start))

    def release(self, cost: int = 1) -> None:
        self.holders = max(self.holders - cost, 0)


# Distinct periods, as a rule has; short ones too, so that a run meets many windows.
PERIODS = st.sampled_from([1, 7, 1000, 333_333_337, S, 60 * S, 3600 * S, 86400 * S, 30 * 86400 * S, 365 * 86400 * S])
LIMITS = st.one_of(st.integers(1, 5), st.integers(1, 2**32 - 1))


@st.composite
def rules(draw, algorithm: str):
    """Arguments of Rule and Model."""
    periods = draw(st.lists(PERIODS, min_size=1, max_size=6, unique=True))
    windows = [(draw(LIMITS), period, draw(st.one_of(st.just(0), st.integers(1, 8)))) for period in periods]
    return algorithm, windows, draw(st.sampled_from([0, 1, S // 3, S, 100 * S]))


@st.composite
def steps(draw, periods: list[int]):
    """How far the clock goes before each request, and what that costs: in parts of the rule's periods, and back."""
    gap = st.one_of(
        st.just(0), st.integers(0, 3 * S),
        st.builds(lambda period, part: period * part // 8, st.sampled_from(periods), st.integers(0, 20)),
        st.integers(-3 * S, 0), st.integers(-400 * 86400 * S, 0),
    )
    return draw(st.lists(st.tuples(gap, st.sampled_from([1, 1, 1, 1, 0, 2, 3, 2**31])), max_size=40))


def compare(data, algorithm: str) -> None:
    """The core and the model, asked the same in turn, answer the same."""
    from fastgate_doors.limit_door import Rule, Table

    arguments = data.draw(rules(algorithm))
    table, rule, model = Table(10), Rule(*arguments), Model(*arguments)
    now = T0
    for gap, cost in data.draw(steps([period for _, period, _ in arguments[1]])):
        now = max(now + gap, 0)
        expected, answer = model.decide(now, cost), table.decide(rule, 1, now, cost)
        assert {key: answer[key] for key in expected} == expected
        assert (answer["retry_after_s"] == 0) == answer["admitted"]

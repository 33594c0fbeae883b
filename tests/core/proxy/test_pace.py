"""`_core/proxy/pace.pxd` against a model: a minimum rate after a grace, no silence longer than the grace, only while we wait."""

import pytest
from fastgate_doors import proxy_door as door
from hypothesis import given
from hypothesis import strategies as st

from fastgate.config import ConfigErrors, load_text
from fastgate.config.fields import LONGEST_TIME

SECOND = 10**9
MOST_RATE = 2**31 - 1           # the bounds of the configuration; its times are in milliseconds
MOST_GRACE = LONGEST_TIME * 10**6
MOST_BODY = 2**62


class Model:
    """All times are of waiting: the clock stands still while the client is not waited for."""

    def __init__(self):
        self.begun = self.waited = self.silent_since = 0
        self.is_waiting = False
        self.start = self.last = self.seen_at = 0

    def wait(self, now, count):
        if not self.begun:
            self.begun, self.start, self.last, self.silent_since = now, count, count, 0
        elif self.is_waiting:
            self.waited += now - self.seen_at
            if count != self.last:
                self.silent_since = self.waited
        else:
            self.silent_since = self.waited         # a new silence begins
        self.last, self.is_waiting, self.seen_at = count, True, now

    def pause(self, now):
        if self.begun and self.is_waiting:
            self.waited += now - self.seen_at
            self.is_waiting = False

    def left(self, grace, rate):
        """How much longer it may take from the last wait on."""
        silence = self.silent_since + grace - self.waited
        if rate == 0:
            return silence
        moved = self.last - self.start
        earned = moved // rate * SECOND + moved % rate * SECOND // rate
        return min(silence, grace + earned - self.waited)


steps = st.lists(
    st.tuples(st.sampled_from(["wait", "wait", "pause"]), st.integers(0, 100 * SECOND), st.sampled_from([0, 0, 1, 100, 5000, 10**7])), max_size=30,
)


@given(steps, st.integers(0, 60 * SECOND), st.sampled_from([0, 1, 512, 10**6]), st.integers(1, 10**15), st.integers(0, 10**12))
def test_deadline_is_as_the_model_says(operations, grace, rate, now, count):
    pace, model = door.Pace(), Model()
    for kind, passed, moved in [("wait", 0, 0), *operations]:
        now += passed
        if kind == "pause":
            pace.pause(now)
            model.pause(now)
            continue
        count += moved
        pace.wait(now, count)
        model.wait(now, count)
        deadline = pace.deadline(grace, rate)
        expected = now + model.left(grace, rate)
        assert deadline == max(expected, 0)


def test_steady_client_at_the_rate_is_never_late_and_below_it_is():
    for rate, is_late in ((600, False), (500, True)):
        pace, now, count = door.Pace(), SECOND, 0
        late = False
        for _ in range(1000):
            pace.wait(now, count)
            late = late or pace.deadline(10 * SECOND, 550) < now
            now, count = now + SECOND, count + rate
        assert late == is_late


def test_fast_client_may_not_stall_for_as_long_as_that_saved():
    pace = door.Pace()
    pace.wait(SECOND, 0)
    pace.wait(2 * SECOND, 10**9)
    assert pace.deadline(30 * SECOND, 512) == 32 * SECOND


def test_time_not_waited_does_not_count():
    pace = door.Pace()
    pace.wait(SECOND, 0)
    pace.pause(2 * SECOND)
    pace.pause(50 * SECOND)         # paused already
    pace.wait(100 * SECOND, 0)
    assert pace.deadline(30 * SECOND, 512) == min(100 + 30, 1 + 98 + 30) * SECOND


def test_pause_before_any_wait_is_nothing_and_reset_forgets():
    pace = door.Pace()
    pace.pause(SECOND)
    pace.wait(5 * SECOND, 7)
    assert pace.deadline(SECOND, 1) == 6 * SECOND
    pace.wait(6 * SECOND, 100)
    pace.reset()
    pace.wait(9 * SECOND, 100)
    assert pace.deadline(SECOND, 1) == 10 * SECOND


def test_counts_too_large_to_earn_time_for_do_not_wrap_round():
    pace = door.Pace()
    pace.wait(SECOND, 0)
    pace.wait(2 * SECOND, 2**63)
    assert pace.deadline(30 * SECOND, 1) == 32 * SECOND


def test_the_bounds_are_the_configurations():
    text = '{_format_version: "3.0", gateway: {timeouts: {min_rate: %d, client_body: %d}, limits: {body_bytes: %d}}}'
    load_text(text % (MOST_RATE, LONGEST_TIME, MOST_BODY), "fastgate.yaml")
    for beyond in ((MOST_RATE + 1, 1, 1), (1, LONGEST_TIME + 1, 1), (1, 1, MOST_BODY + 1)):
        with pytest.raises(ConfigErrors):
            load_text(text % beyond, "fastgate.yaml")


@given(st.sampled_from([1, 2, 512, MOST_RATE - 1, MOST_RATE]), st.sampled_from([1, MOST_GRACE]),
       st.integers(0, MOST_BODY) | st.sampled_from([2**30 - 1, 2**30 * MOST_RATE - 1, 2**30 * MOST_RATE, MOST_BODY]),
       st.sampled_from([1, 200 * 365 * 86400 * SECOND]), st.integers(0, 10**6))
def test_nothing_wraps_round_at_the_bounds(rate, grace, moved, now, waited_s):
    pace, model = door.Pace(), Model()
    for passed, count in ((0, 0), (waited_s * SECOND, moved)):
        now += passed
        pace.wait(now, count)
        model.wait(now, count)
    assert pace.deadline(grace, rate) == now + model.left(grace, rate)

"""When a phase of a plugin is off: after failures in a row, but for one call on trial."""

from __future__ import annotations

from control.python_calls import Clock
from fastgate.sdk.breaker import Breaker
from hypothesis import given
from hypothesis import strategies as st


def breaker(clock: Clock, most: int = 3) -> Breaker:
    made = Breaker(clock)
    made.most, made.pause_s = most, 10
    return made


def test_off_after_failures_in_a_row_and_on_again_when_the_trial_succeeds():
    clock = Clock()
    one = breaker(clock)
    for outcome in "ffsff":
        assert one.admits(object())
        assert (one.failed("run") if outcome == "f" else one.succeeded("run")) in (False, None)
    assert one.failed("run") and one.trips == 1 and not one.admits("a")
    clock.now = 10
    assert one.admits("a") and one.is_on_trial("a") and not one.admits("b")
    one.succeeded("late")                   # began before: decides nothing
    assert not one.failed("late") and not one.admits("b")
    one.succeeded("a")
    assert one.admits("b") and one.admits("c") and not one.is_on_trial("b")
    assert not one.failed("b") and not one.failed("b") and one.failed("b")


def test_a_trial_that_fails_turns_off_again_and_an_undecided_one_is_followed_by_another():
    clock = Clock()
    one = breaker(clock, 1)
    assert one.failed("a")
    clock.now = 10
    assert one.admits("b") and one.failed("b") and one.trips == 2
    clock.now = 19
    assert not one.admits("c")
    clock.now = 20
    assert one.admits("d")
    one.undecided("c")
    assert not one.admits("e")
    one.undecided("d")
    assert one.admits("e") and not one.admits("f")


@given(st.lists(st.tuples(st.sampled_from(["begin", "fail", "succeed", "give up", "wait"]), st.integers(0, 9))),
       st.integers(1, 4))
def test_at_most_one_call_while_off(steps, most):
    clock = Clock()
    one = breaker(clock, most)
    under_way: list[object] = []
    since_trip: list[object] = []           # let through since it was turned off
    is_off = False
    for step, which in steps:
        if step == "wait":
            clock.now += which
        elif step == "begin":
            run = object()
            if one.admits(run):
                under_way.append(run)
                if is_off:
                    assert not since_trip and one.is_on_trial(run)
                    since_trip.append(run)
        elif under_way:
            run = under_way.pop(which % len(under_way))
            was_trial = run in since_trip
            if was_trial:
                since_trip.remove(run)
            if step == "fail":
                is_off |= one.failed(run)
            elif step == "succeed":
                one.succeeded(run)
                is_off &= not was_trial
            else:
                one.undecided(run)

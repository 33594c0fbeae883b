"""`_core/reactor/timer.pyx` against a model that knows each timer's tick: never early, at most a tick late, never lost."""

from fastgate_doors import reactor_door as door
from hypothesis import example, given
from hypothesis import strategies as st

TICK_NS = 1 << door.TICK_SHIFT
HOUR_NS = 3600 * 10**9
TIMERS = 6


class Model:
    """Which tick each timer is due at; what it does when it fires."""

    def __init__(self, now_ns):
        self.now = now_ns // TICK_NS
        self.due = {}
        self.deadlines = {}
        self.actions = {}

    def arm(self, timer, deadline_ns):
        # The tick after its own; for a deadline that passed, the next tick at the latest.
        self.due[timer] = max(deadline_ns // TICK_NS, self.now) + 1
        self.deadlines[timer] = deadline_ns

    def forget(self, timer):
        self.due.pop(timer, None)

    def fire(self, timer, tick):
        """What the wheel says it fired must be what is due then."""
        assert tick > self.deadlines[timer] // TICK_NS, "early"
        assert tick <= self.due.pop(timer), "late"
        self.now = tick
        action, subject, deadline_ns = self.actions.pop(timer, ("nothing", 0, 0))
        if action == "arm":
            self.arm(subject, deadline_ns)
        elif action in ("remove", "disarm"):
            self.forget(subject)

    def advance(self, now_ns):
        self.now = now_ns // TICK_NS
        assert not [timer for timer, tick in self.due.items() if tick <= self.now], "lost, or late"


spans = st.one_of(
    st.integers(0, 3 * TICK_NS),
    st.integers(0, 64 * TICK_NS + TICK_NS),
    st.integers(0, 64**2 * TICK_NS + TICK_NS),
    st.integers(0, 64**3 * TICK_NS + TICK_NS),
    st.integers(0, 40 * HOUR_NS),       # twice the wheel
    st.sampled_from([64**level * TICK_NS + by for level in range(5) for by in (-1, 0, 1)]),
)
timers = st.integers(0, TIMERS - 1)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("arm"), timers, spans, st.booleans()),
        st.tuples(st.just("remove"), timers),
        st.tuples(st.just("disarm"), timers),
        st.tuples(st.just("act"), timers, st.sampled_from(["arm", "remove", "disarm"]), timers, spans),
        st.tuples(st.just("advance"), spans),
    ),
    max_size=40,
)


def arm(wheel, model, timer, deadline_ns):
    wheel.arm(timer, deadline_ns)
    model.arm(timer, deadline_ns)


def run(wheel, model, now_ns):
    for timer, tick in wheel.run(now_ns):
        model.fire(timer, tick)
    model.advance(now_ns)


@given(st.integers(0, 1000 * HOUR_NS), steps)
@example(0, [("arm", 0, 0, False), ("arm", 1, 0, False), ("act", 1, "arm", 0, 0)])      # in the same slot
def test_fires_what_the_model_fires_at_its_tick(start, operations):
    now = start
    wheel, model = door.Wheel(TIMERS, now), Model(now)
    for kind, *values in operations:
        if kind == "arm":
            timer, span, is_past = values
            arm(wheel, model, timer, max(now - span, 0) if is_past else now + span)
        elif kind == "remove":
            wheel.remove(values[0])
            model.forget(values[0])
            assert not wheel.is_queued(values[0])
        elif kind == "disarm":
            wheel.disarm(values[0])
            model.forget(values[0])
        elif kind == "act":
            timer, action, subject, span = values
            wheel.when_fired(timer, action, subject, now + span)
            model.actions[timer] = (action, subject, now + span)
        else:
            now += values[0]
            run(wheel, model, now)
        # The wheel may ask to be run for nothing, but not after the first one due.
        if model.due:
            assert wheel.next_ns <= min(model.due.values()) * TICK_NS
    while model.due:
        now = max(now, min(model.due.values()) * TICK_NS)
        run(wheel, model, now)


@given(st.integers(0, 1000 * HOUR_NS), st.lists(spans, min_size=1, max_size=TIMERS))
def test_running_only_when_told_to_fires_all_in_time(start, deadlines):
    """As the reactor does: asleep until next_ns, and nothing else."""
    wheel, model = door.Wheel(TIMERS, start), Model(start)
    for timer, span in enumerate(deadlines):
        arm(wheel, model, timer, start + span)
    rounds = 0
    while wheel.next_ns != door.NEVER:
        run(wheel, model, wheel.next_ns)
        rounds += 1
    assert not model.due
    assert rounds <= 8 * len(deadlines)


def test_moving_a_deadline_back_and_forth_keeps_the_last():
    wheel = door.Wheel(1, 0)
    for deadline in (100, 50, 200, 20, 70):
        wheel.arm(0, deadline * TICK_NS)
    assert wheel.run(70 * TICK_NS) == []
    assert wheel.run(71 * TICK_NS) == [(0, 71)]
    assert wheel.run(1000 * TICK_NS) == []


def test_nothing_queued_is_never_due():
    wheel = door.Wheel(1, 5 * HOUR_NS)
    assert wheel.next_ns == door.NEVER
    assert wheel.run(500 * HOUR_NS) == []


def test_timer_that_arms_itself_in_the_past_waits_for_the_next_tick():
    wheel = door.Wheel(1, 0)
    wheel.arm(0, TICK_NS)
    wheel.when_fired(0, "arm", 0, 0)
    assert wheel.run(2 * TICK_NS) == [(0, 2)]
    assert wheel.run(3 * TICK_NS) == [(0, 3)]


def test_timers_of_one_tick_may_remove_each_other():
    for remover, removed in ((0, 1), (1, 0)):
        wheel = door.Wheel(2, 0)
        wheel.arm(0, TICK_NS)
        wheel.arm(1, TICK_NS)
        wheel.when_fired(remover, "remove", removed)
        fired = [timer for timer, _ in wheel.run(2 * TICK_NS)]
        assert fired in ([remover], [removed, remover])
        assert not wheel.is_queued(0) and not wheel.is_queued(1)

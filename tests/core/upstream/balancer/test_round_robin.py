"""Weighted round-robin: the order of turns against its model, exactness, retries."""

from math import gcd

import pytest
from fastgate_doors.balancer_door import Peers, PeerSet
from hypothesis import given, settings
from hypothesis import strategies as st

# A prime times a prime: the cycle of such weights is too long for a table.
LONG = [4099, 4111, 17]


def build(weights, n_reactors=1):
    return PeerSet("round-robin", Peers(f"p{i}" for i in range(len(weights))), weights, n_reactors=n_reactors)


def cycle_of(weights):
    """All turns of one cycle in order: turn j of peer i lies at (j + offset) / weight."""
    weights = [weight // gcd(*weights) for weight in weights]
    turns = []
    for i, weight in enumerate(weights):
        equals = [k for k, other in enumerate(weights) if other == weight]
        offset = ((2 * equals.index(i) + 1) << 31) // len(equals)
        turns += [((((j << 32) + offset) // weight), i) for j in range(weight)]
    return [i for _, i in sorted(turns)]


def picks(peers, n, **of):
    return [peers.pick(**of) for _ in range(n)]


weights_st = st.lists(st.integers(1, 40) | st.sampled_from([1, 100, 100]), min_size=2, max_size=12)


@given(weights_st)
def test_order_is_the_models(weights):
    cycle = cycle_of(weights)
    assert picks(build(weights), 2 * len(cycle)) == cycle * 2


def test_order_of_a_long_cycle_is_the_models():
    cycle = cycle_of(LONG)
    assert picks(build(LONG), 2 * len(cycle)) == cycle * 2


@given(weights_st, st.integers(1, 5), st.data())
def test_any_stretch_of_a_cycle_holds_each_target_weight_times(weights, n_reactors, data):
    peers = build(weights, n_reactors)
    reactor = data.draw(st.integers(0, n_reactors - 1))
    reduced = [weight // gcd(*weights) for weight in weights]
    picks(peers, data.draw(st.integers(0, 50)), reactor=reactor)
    stretch = picks(peers, sum(reduced), reactor=reactor)
    assert [stretch.count(i) for i in range(len(weights))] == reduced


@pytest.mark.parametrize("reactor", [0, 1, 6])
def test_any_stretch_of_a_long_cycle_holds_each_target_weight_times(reactor):
    peers = build(LONG, n_reactors=7)
    picks(peers, 1234, reactor=reactor)
    stretch = picks(peers, sum(LONG), reactor=reactor)
    assert [stretch.count(i) for i in range(3)] == LONG


@given(weights_st)
def test_no_target_is_ever_far_from_its_share(weights):
    cycle = picks(build(weights), sum(weights))
    kinds = len(set(weights))
    counts = [0] * len(weights)
    for turn, i in enumerate(cycle, 1):
        counts[i] += 1
        for count, weight in zip(counts, weights, strict=True):
            share = weight / sum(weights)
            assert abs(count - turn * share) <= 1 + share * kinds / 2 + 1e-6


def test_equal_weights_take_turns_in_order():
    assert picks(build([100] * 5), 12) == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]


def test_large_equal_weights_need_no_long_cycle():
    assert picks(build([65535] * 3), 6) == [0, 1, 2, 0, 1, 2]


def test_light_targets_do_not_come_in_a_bunch():
    order = picks(build([20, 1, 1, 1, 1]), 24)
    light = [at for at, i in enumerate(order) if i]
    assert min(b - a for a, b in zip(light, light[1:], strict=False)) >= 5


def test_reactors_start_at_different_targets():
    peers = build([1] * 8, n_reactors=4)
    assert [peers.pick(reactor=reactor) for reactor in range(4)] == [0, 2, 4, 6]


@pytest.mark.parametrize("reactor", [0, 1, 2, 3])
def test_reactors_start_a_long_cycle_at_different_places(reactor):
    cycle = cycle_of(LONG)
    stretch = picks(build(LONG, n_reactors=4), len(cycle), reactor=reactor)
    # The 17 turns of the light target lie evenly: they tell where the reactor began.
    start = next(at for at in range(len(cycle)) if cycle[at:] + cycle[:at] == stretch)
    assert abs(start - reactor * len(cycle) / 4) <= 3


def test_reactors_do_not_disturb_each_other():
    alone, shared = build([3, 2, 1], 2), build([3, 2, 1], 2)
    expected = picks(alone, 12, reactor=1)
    got = []
    for _ in range(12):
        shared.pick(reactor=0)
        got.append(shared.pick(reactor=1))
    assert got == expected


@pytest.mark.parametrize("weights", [[3, 2, 1], LONG])
def test_a_stand_in_costs_nobody_a_turn(weights):
    undisturbed = picks(build(weights), 300)
    peers = build(weights)
    got = []
    for i in undisturbed:
        # Another request, that tried whoever comes next, is served in between.
        assert peers.pick(tried=[i]) != i
        got.append(peers.pick())
    assert got == undisturbed


@pytest.mark.parametrize("weights", [[1, 1, 1, 1], [100, 100, 100, 50], [4099] * 3 + [4111]])
def test_load_of_a_failing_target_goes_to_the_others_evenly(weights):
    peers = build(weights)
    served = [0] * len(weights)
    for _ in range(4000):
        first = peers.pick()
        served[first if first else peers.pick(tried=[0])] += 1
    assert served[0] == 0
    for count, weight in zip(served[1:], weights[1:], strict=True):
        assert abs(count / 4000 - weight / sum(weights[1:])) < 0.12


def test_thousands_of_unequal_targets_are_exact_too():
    weights = [1 + i % 7 for i in range(5000)]
    peers = PeerSet("round-robin", Peers(f"p{i}" for i in range(5000)), weights)
    assert peers.shares(sum(weights)) == weights
    assert peers.cost_bytes < 1_000_000


@settings(max_examples=10)
@given(st.integers(2, 4), st.integers(60000, 65535))
def test_memory_stays_small_whatever_the_weights(n, weight):
    assert build([weight - i for i in range(n)], n_reactors=64).cost_bytes < 64 * 1024

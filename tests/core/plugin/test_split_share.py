"""`_core/plugin/split_share.pyx`: turns and keys, by weight."""

import pytest
from fastgate_doors import split_door as door
from hypothesis import example, given
from hypothesis import strategies as st

NAMES = [b"", b"canary", b"blue", b"green", b"orders-v2"]
KEYS = [b"user-%d" % n for n in range(4000)]
WEIGHTS = st.integers(0, 65535)
SEVERAL = st.lists(st.integers(0, 40), min_size=1, max_size=5).filter(any)


def shares(weights, **options):
    return door.Shares(list(zip(NAMES, weights, strict=False)), **options)


@given(WEIGHTS, WEIGHTS, st.integers(0, 2**64 - 1))
@example(90, 10, 0)
@example(1, 65535, 7)
def test_of_two_no_window_of_turns_is_off_by_more_than_one(a, b, random):
    if a + b == 0:
        return
    turns = shares([a, b])
    chosen = [turns.next(random=random) for _ in range(500)]
    for start in range(0, 400, 37):
        assert abs(chosen[start:start + 100].count(0) - 100 * a / (a + b)) < 1 + 1e-9


def test_ninety_to_ten_is_ninety_to_ten_in_every_hundred():
    turns = shares([90, 10])
    chosen = [turns.next() for _ in range(1000)]
    assert {chosen[start:start + 100].count(1) for start in range(900)} == {10}


@given(SEVERAL, st.integers(0, 2**64 - 1))
def test_a_cycle_is_exact_wherever_it_begins(weights, random):
    turns = shares(weights)
    chosen = [turns.next(random=random) for _ in range(2 * sum(weights))]
    for start in (0, sum(weights) // 2, sum(weights)):
        cycle = chosen[start:start + sum(weights)]
        assert [cycle.count(at) for at in range(len(weights))] == weights


@given(SEVERAL)
def test_without_a_phase_the_turns_are_the_models(weights):
    gains = [0] * len(weights)
    turns = shares(weights)
    for _ in range(60):
        gains = [gain + weight for gain, weight in zip(gains, weights, strict=True)]
        best = max((at for at in range(len(weights)) if weights[at]), key=lambda at: (gains[at], -at))
        gains[best] -= sum(weights)
        assert turns.next() == best


def test_the_place_in_the_cycle_is_the_random_numbers():
    first = [shares([90, 10]).next(random=random) for random in range(10)]
    assert first.count(1) == 1          # as often as by weight, though each took one turn only


def test_reactors_take_turns_of_their_own():
    turns = shares([1, 1], n_reactors=3)
    assert [[turns.next(reactor) for _ in range(2)] for reactor in range(3)] == [[0, 1]] * 3


def test_no_weight_at_all_is_refused():
    with pytest.raises(ValueError):
        shares([0, 0])


# --- by key

@given(SEVERAL)
def test_a_share_without_weight_gets_no_key_and_no_turn(weights):
    some = shares(weights)
    assert all(weights[some.of(key)] for key in KEYS[:50])
    assert all(weights[some.next()] for _ in range(50))


@given(SEVERAL, st.data())
def test_when_one_weight_grows_keys_move_to_it_alone(weights, data):
    at = data.draw(st.integers(0, len(weights) - 1))
    before, after = shares(weights), shares([*weights[:at], weights[at] + data.draw(st.integers(1, 60)), *weights[at + 1:]])
    for key in KEYS[:300]:
        was, now = before.of(key), after.of(key)
        assert now == was or now == at


@given(st.integers(0, 100), st.integers(0, 100))
@example(10, 20)
@example(0, 100)
def test_a_canary_raised_or_lowered_moves_no_more_keys_than_it_must(low, high):
    low, high = sorted((low, high))
    before, after = shares([100 - low, low]), shares([100 - high, high])
    moved = [(before.of(key), after.of(key)) for key in KEYS[:1000] if before.of(key) != after.of(key)]
    assert set(moved) <= {(0, 1)}
    # As a binomial of that many keys may stray, five times its deviation at most.
    assert abs(len(moved) / 1000 - (high - low) / 100) < 5 * 0.5 / 1000 ** 0.5


@pytest.mark.parametrize("weights", [[90, 10], [1, 1, 1], [0, 5, 3], [65535, 1, 65535], [50, 30, 15, 5]])
def test_keys_fall_by_weight(weights):
    some = shares(weights)
    chosen = [some.of(key) for key in KEYS]
    for at, weight in enumerate(weights):
        assert abs(chosen.count(at) / len(KEYS) - weight / sum(weights)) < 5 * 0.5 / len(KEYS) ** 0.5


@given(SEVERAL)
def test_neither_the_order_nor_a_common_factor_nor_a_share_gone_moves_keys(weights):
    pairs = list(zip(NAMES, weights, strict=False))
    turned = pairs[::-1]
    some, other, tenfold = door.Shares(pairs), door.Shares(turned), shares([10 * weight for weight in weights])
    for key in KEYS[:200]:
        assert NAMES[some.of(key)] == turned[other.of(key)][0]
        assert some.of(key) == tenfold.of(key)
    for gone in range(len(weights)):
        rest = [*weights[:gone], 0, *weights[gone + 1:]]
        if any(rest):
            fewer = shares(rest)
            assert all(fewer.of(key) == some.of(key) for key in KEYS[:100] if some.of(key) != gone)


PINNED = "0111100000000001000000102010000000000000"


def test_every_node_and_architecture_has_the_same_split():
    some = shares([70, 20, 10])
    assert "".join(str(some.of(key)) for key in KEYS[:40]) == PINNED

"""Consistent hashing: the ring against its model, recorded vectors, movement and shares."""

import hashlib
import json
from math import sqrt
from pathlib import Path

import pytest
from fastgate_doors.balancer_door import Peers, PeerSet, hash_key
from hypothesis import given, settings
from hypothesis import strategies as st
from ring_model import hash_bytes, hash_of_slot, ring

VECTORS = json.loads((Path(__file__).parents[3] / "data/ring_hash/vectors.json").read_text())


def build(weights: dict[str, int], slots: int = 10000) -> tuple[list[str], PeerSet]:
    return list(weights), PeerSet("consistent-hashing", Peers(weights), weights.values(), slots=slots)


def owners_of(weights: dict[str, int], slots: int) -> list[str]:
    names, peers = build(weights, slots)
    return [names[peers.pick(hash_of_slot(slot, slots))] for slot in range(slots)]


names_st = st.integers(1, 250).map(lambda i: f"192.0.2.{i}:80") | st.integers(0, 99).map(lambda i: f"unix:/run/{'x' * i}")
weights_st = st.dictionaries(names_st, st.integers(1, 65535) | st.sampled_from([1, 100]), min_size=2, max_size=12)


@given(st.binary(max_size=40))
def test_hash_of_any_key_is_the_models(key):
    assert hash_key(key) == hash_bytes(key)


@given(weights_st, st.integers(10, 300))
@settings(max_examples=60)
def test_owners_of_any_ring_are_the_models(weights, slots):
    assert owners_of(weights, slots) == ring(weights, slots)


@pytest.mark.parametrize("name", VECTORS)
def test_recorded_vectors_hold(name):
    vector = VECTORS[name]
    names, peers = build(vector["weights"], vector["slots"])
    assert {key: names[peers.pick(key.encode())] for key in vector["keys"]} == vector["keys"]
    owners = "\n".join(owners_of(vector["weights"], vector["slots"]))
    assert hashlib.sha256(owners.encode()).hexdigest() == vector["owners_sha256"]


@given(weights_st, st.randoms(use_true_random=False))
@settings(max_examples=40)
def test_order_of_targets_does_not_matter(weights, random):
    shuffled = list(weights.items())
    random.shuffle(shuffled)
    assert owners_of(dict(shuffled), 200) == owners_of(weights, 200)


@given(weights_st, st.data())
@settings(max_examples=40)
def test_slots_move_only_from_a_target_that_goes_or_shrinks(weights, data):
    changed = data.draw(st.sampled_from(sorted(weights)))
    after = {name: weight for name, weight in weights.items() if name != changed}
    if (smaller := data.draw(st.integers(0, weights[changed] - 1))) > 0:
        after[changed] = smaller
    if len(after) < 2:
        after["203.0.113.1:80"] = weights["203.0.113.1:80"] = 7
    for was, now in zip(owners_of(weights, 300), owners_of(after, 300), strict=True):
        assert was == now or was == changed


@pytest.mark.parametrize("n", [2, 3, 10, 50])
def test_one_more_equal_target_takes_its_share_and_nothing_else_moves(n):
    slots = 10000
    before = {f"10.0.0.{i}:80": 100 for i in range(n)}
    joined = "10.9.9.9:80"
    moved = [now for was, now in zip(owners_of(before, slots), owners_of({**before, joined: 100}, slots), strict=True) if was != now]
    assert set(moved) == {joined}
    expected = slots / (n + 1)
    assert abs(len(moved) - expected) < 4 * sqrt(expected)


@pytest.mark.parametrize("weights", [[100] * 4, [1, 2, 3, 4], [1, 9], [65535, 65535, 1000], [7] * 30])
def test_shares_are_by_weight(weights):
    slots = 65536
    owned = owners_of({f"10.2.0.{i}:80": weight for i, weight in enumerate(weights)}, slots)
    chi_square = 0.0
    for i, weight in enumerate(weights):
        expected = slots * weight / sum(weights)
        chi_square += (owned.count(f"10.2.0.{i}:80") - expected) ** 2 / expected
    degrees = len(weights) - 1
    assert chi_square < degrees + 4 * sqrt(2 * degrees) + 4


def test_requests_without_key_spread_by_weight():
    names, peers = build({"a": 100, "b": 100, "c": 200})
    counts = peers.shares(20000)
    for count, weight in zip(counts, (100, 100, 200), strict=True):
        assert abs(count - 20000 * weight / 400) < 600      # the ring's own 1 % and chance


def test_key_is_always_sent_to_the_same_target_by_every_reactor():
    peers = PeerSet("consistent-hashing", Peers("abcd"), [1, 1, 1, 1], n_reactors=4)
    assert len({peers.pick(b"alice", reactor=r, random=r << 40) for r in range(4) for _ in range(3)}) == 1


def test_keys_of_a_failing_target_spread_over_the_others_and_stay_there():
    names, peers = build({name: 100 for name in "abcde"})
    keys = [f"user-{i}".encode() for i in range(5000)]
    lost = [key for key in keys if names[peers.pick(key)] == "a"]
    second = [peers.pick(key, tried=[0]) for key in lost]
    assert second == [peers.pick(key, tried=[0]) for key in lost]
    for i in range(1, 5):
        assert abs(second.count(i) - len(lost) / 4) < 5 * sqrt(len(lost) / 4)


def test_target_too_light_for_a_slot_is_still_the_last_resort():
    names, peers = build({"10.0.0.1:80": 65535, "10.0.0.2:80": 65535, "10.0.0.3:80": 1}, slots=10)
    assert "10.0.0.3:80" not in owners_of({"10.0.0.1:80": 65535, "10.0.0.2:80": 65535, "10.0.0.3:80": 1}, 10)
    assert peers.pick(b"x", tried=[0, 1]) == 2


@pytest.mark.parametrize("asked, used", [(0, 10), (9, 10), (65537, 65536), (4_000_000_000, 65536)])
def test_slots_are_kept_within_kongs_bounds(asked, used):
    names, peers = build({"a": 1, "b": 1}, slots=asked)
    assert [names[peers.pick(hash_of_slot(slot, used))] for slot in range(used)] == ring({"a": 1, "b": 1}, used)

"""Least connections: fewest in flight for the weight, and fair ties."""

import pytest
from fastgate_doors.balancer_door import Peers, PeerSet
from hypothesis import given
from hypothesis import strategies as st


def build(weights, n_reactors=1):
    peers = Peers(f"p{i}" for i in range(len(weights)))
    return peers, PeerSet("least-connections", peers, weights, n_reactors=n_reactors)


load_st = st.lists(st.tuples(st.integers(1, 65535), st.integers(-3, 2_000_000_000)), min_size=2, max_size=10)


@given(load_st, st.data())
def test_pick_has_the_fewest_in_flight_for_its_weight(load, data):
    peers, peer_set = build([weight for weight, _ in load])
    for i, (_, inflight) in enumerate(load):
        peers.set_inflight(i, inflight)
    tried = data.draw(st.sets(st.integers(0, len(load) - 1), max_size=len(load) - 1))
    left = [i for i in range(len(load)) if i not in tried]
    picked = peer_set.pick(tried=sorted(tried))
    assert picked in left
    weight, inflight = load[picked]
    for i in left:
        # compared as fractions: inflight / weight
        assert max(inflight, 0) * load[i][0] <= max(load[i][1], 0) * weight


def test_equal_idle_targets_take_turns():
    _, peer_set = build([100] * 4)
    assert [peer_set.pick() for _ in range(12)] == [0, 1, 2, 3] * 3


@pytest.mark.parametrize("idle", [{3, 4}, {0, 9}, {2, 5, 6}])
def test_idle_targets_among_busy_ones_share_evenly(idle):
    peers, peer_set = build([1] * 10)
    for i in range(10):
        peers.set_inflight(i, 0 if i in idle else 5)
    picked = [peer_set.pick() for _ in range(60)]
    assert {i: picked.count(i) for i in set(picked)} == dict.fromkeys(idle, 60 // len(idle))


def test_idle_targets_share_by_weight():
    _, peer_set = build([1, 3, 6])
    counts = peer_set.shares(1000)
    assert [abs(count - share) <= 1 for count, share in zip(counts, (100, 300, 600), strict=True)] == [True] * 3


def test_a_target_back_from_being_busy_does_not_catch_up():
    peers, peer_set = build([1, 1])
    peers.set_inflight(0, 1)
    assert {peer_set.pick() for _ in range(100)} == {1}
    peers.set_inflight(0, 0)
    assert abs(sum(1 for _ in range(20) if peer_set.pick() == 0) - 10) <= 1


def test_requests_that_stay_fill_targets_by_weight():
    peers, peer_set = build([10, 20, 70])
    counts = [0, 0, 0]
    for _ in range(1000):
        picked = peer_set.pick()
        counts[picked] += 1
        peers.add_inflight(picked, 1)
    assert counts == [100, 200, 700]


def test_reactors_start_at_different_targets():
    _, peer_set = build([5] * 8, n_reactors=4)
    assert [peer_set.pick(reactor=reactor) for reactor in range(4)] == [0, 2, 4, 6]

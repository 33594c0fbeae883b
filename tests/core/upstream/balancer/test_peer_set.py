"""Peer sets: what holds for every policy, references, degenerate sizes."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from fastgate_doors.balancer_door import ALGORITHMS, MAX_PEERS, MAX_TRIED, Peers, PeerSet
from hypothesis import given, settings
from hypothesis import strategies as st

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)


@every_algorithm
@given(weights=st.lists(st.integers(1, 65535) | st.just(100), min_size=0, max_size=20), seed=st.integers(0, 2**64 - 1), has_key=st.booleans())
@settings(max_examples=60)
def test_retries_reach_every_target_once_and_then_none(algorithm, weights, seed, has_key):
    peer_set = PeerSet(algorithm, Peers(f"p{i}" for i in range(len(weights))), weights, n_reactors=2, slots=100)
    tried = []
    while (picked := peer_set.pick(seed if has_key else None, reactor=1, random=seed, tried=tried)) is not None:
        assert picked not in tried
        tried.append(picked)
    assert sorted(tried) == list(range(len(weights)))


@every_algorithm
def test_only_the_first_tries_are_remembered_and_a_large_set_still_picks(algorithm):
    peer_set = PeerSet(algorithm, Peers(f"p{i}" for i in range(MAX_TRIED + 1)), [1] * (MAX_TRIED + 1))
    assert peer_set.pick(b"key", tried=range(MAX_TRIED)) == MAX_TRIED


@every_algorithm
def test_empty_set_picks_none(algorithm):
    assert PeerSet(algorithm, Peers([]), []).pick(b"key") is None


@every_algorithm
def test_single_target_is_picked_until_it_was_tried(algorithm):
    peer_set = PeerSet(algorithm, Peers(["only"]), [1])
    assert [peer_set.pick(), peer_set.pick(b"key"), peer_set.pick(tried=[0])] == [0, 0, None]


@every_algorithm
@pytest.mark.parametrize("n", [1, 2, 5])
def test_each_set_holds_one_reference_per_peer_until_it_is_freed(algorithm, n):
    peers = Peers(f"p{i}" for i in range(n))
    first = PeerSet(algorithm, peers, [1] * n)
    second = PeerSet(algorithm, peers, [2], members=[0])
    assert [peers.refs(i) for i in range(n)] == [3] + [2] * (n - 1)
    first.close()
    assert [peers.refs(i) for i in range(n)] == [2] + [1] * (n - 1)
    second.close()
    assert [peers.refs(i) for i in range(n)] == [1] * n


@every_algorithm
def test_a_peer_named_twice_is_one_peer_with_both_weights(algorithm):
    peers = Peers(["a", "b"])
    twice = PeerSet(algorithm, peers, [10, 20, 30], members=[0, 1, 0], slots=1000)
    once = PeerSet(algorithm, peers, [40, 20], slots=1000)
    assert twice.n == 2
    assert peers.refs(0) == 3
    assert twice.shares(3000, has_hash=True) == once.shares(3000, has_hash=True)
    twice.close()
    assert peers.refs(0) == 2


@every_algorithm
def test_more_peers_than_can_be_numbered_are_refused(algorithm):
    peers = Peers(["a"])
    with pytest.raises(MemoryError):
        PeerSet(algorithm, peers, [1] * (MAX_PEERS + 1), members=[0] * (MAX_PEERS + 1))
    assert peers.refs(0) == 1


@every_algorithm
def test_a_service_with_one_target_costs_little(algorithm):
    assert PeerSet(algorithm, Peers(["only"]), [100], n_reactors=8).cost_bytes <= 512


@every_algorithm
@pytest.mark.parametrize("weights", [[1] * 5, [65535, 65521, 4099]])
def test_reactors_pick_at_once_without_losing_anything(algorithm, weights):
    peers = Peers(f"p{i}" for i in range(len(weights)))
    peer_set = PeerSet(algorithm, peers, weights, n_reactors=4)
    with ThreadPoolExecutor(4) as threads:
        counts = list(threads.map(lambda reactor: peer_set.churn(20_000, reactor, reactor * 1_000_000), range(4)))
    assert [sum(of_reactor) for of_reactor in counts] == [20_000] * 4
    assert [peers.inflight(i) for i in range(len(weights))] == [0] * len(weights)
    if algorithm == "round-robin" and weights[0] == 1:
        assert counts == [[4_000] * 5] * 4      # no reactor's turns are touched by another's

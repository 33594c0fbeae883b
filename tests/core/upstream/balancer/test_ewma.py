"""Latency policy: the moving average against its formula, and who gets picked."""

from math import exp

import pytest
from fastgate_doors.balancer_door import Peers, PeerSet, mix
from hypothesis import given
from hypothesis import strategies as st

MS = 1_000_000
SECOND = 1000 * MS
DECAY = 10 * SECOND
NOW = 1_000_000 * SECOND


def build(weights):
    peers = Peers(f"p{i}" for i in range(len(weights)))
    return peers, PeerSet("latency", peers, weights)


def shares(peer_set, n, picks=4000, now=NOW):
    counts = [0] * n
    for i in range(picks):
        counts[peer_set.pick(random=mix(i), now_ns=now)] += 1
    return counts


class Average:
    """Peak EWMA as Finagle describes it, in floating point."""

    def __init__(self):
        self.value = 0.0
        self.at = 0

    def observe(self, latency, now):
        kept = exp(-(now - self.at) / DECAY)
        self.value = latency if latency > self.value else self.value * kept + latency * (1 - kept)
        self.at = now

    def read(self, now):
        return self.value * exp(-(now - self.at) / DECAY)


answers_st = st.lists(st.tuples(st.integers(1000, 100 * SECOND), st.integers(0, 60 * SECOND)), min_size=1, max_size=30)


@given(answers_st, st.integers(0, 100 * SECOND))
def test_average_follows_the_formula(answers, later):
    peers, model, now = Peers(["p"]), Average(), NOW
    for latency, pause in answers:
        now += pause
        peers.observe(0, latency, now)
        model.observe(latency, now)
        assert peers.latency(0, now) == pytest.approx(model.value, rel=0.02, abs=200)     # each step rounds
    assert peers.latency(0, now + later) == pytest.approx(model.read(now + later), rel=0.025, abs=200)


def test_peak_counts_at_once_and_fades():
    peers = Peers(["p"])
    peers.observe(0, 2 * MS, NOW)
    peers.observe(0, 500 * MS, NOW + SECOND)
    assert peers.latency(0, NOW + SECOND) == 500 * MS
    peers.observe(0, 2 * MS, NOW + SECOND)
    assert peers.latency(0, NOW + SECOND) == 500 * MS       # no time has passed: the peak holds
    assert peers.latency(0, NOW + 11 * SECOND) == pytest.approx(500 * MS / 2.71828, rel=0.01)
    assert peers.latency(0, NOW + 1000 * SECOND) == 0


def test_clock_of_another_reactor_that_lags_does_no_harm():
    peers = Peers(["p"])
    peers.observe(0, 5 * MS, NOW)
    assert peers.latency(0, NOW - SECOND) == 5 * MS
    peers.observe(0, 1 * MS, NOW - SECOND)
    assert peers.latency(0, NOW - SECOND) == 5 * MS


@pytest.mark.parametrize("latency, kept", [(0, 1), (2**64 - 1, 2**40 - 1)])
def test_latency_is_kept_within_bounds(latency, kept):
    peers = Peers(["p"])
    peers.observe(0, latency, NOW)
    assert peers.latency(0, NOW) == kept


def test_slower_of_two_gets_nothing_and_is_tried_again_once_its_peak_fades():
    peers, peer_set = build([1, 1])
    peers.observe(0, 100 * MS, NOW)
    peers.observe(1, 1 * MS, NOW)
    assert shares(peer_set, 2) == [0, 4000]
    later = NOW + 60 * SECOND
    peers.observe(1, 1 * MS, later)
    assert shares(peer_set, 2, now=later) == [4000, 0]


def test_slow_target_among_many_gets_only_the_pairs_it_must_win():
    peers, peer_set = build([1] * 10)
    for i in range(10):
        peers.observe(i, 50 * MS if i == 4 else MS, NOW)
    counts = shares(peer_set, 10, 9000)
    assert counts[4] == 0
    # The others tie, so the first drawn wins: evenly, with the slow one's pairs.
    assert all(abs(count - 1000) < 150 for i, count in enumerate(counts) if i != 4)


def test_requests_in_flight_weigh_against_low_latency():
    peers, peer_set = build([1, 1])
    peers.observe(0, 10 * MS, NOW)
    peers.observe(1, 25 * MS, NOW)
    picked = []
    for i in range(7):
        picked.append(peer_set.pick(random=mix(i), now_ns=NOW))
        peers.add_inflight(picked[-1], 1)
    # costs: 10 20 30 40 50 ... against 25 50 75 ...; one tie at 50
    assert sorted(picked[:3]) == [0, 0, 1] and picked.count(1) == 2 and picked.count(0) == 5


def test_weight_is_worth_as_much_latency():
    peers, peer_set = build([1, 4])
    peers.observe(0, 10 * MS, NOW)
    peers.observe(1, 39 * MS, NOW)
    assert shares(peer_set, 2) == [0, 4000]
    peers.observe(1, 41 * MS, NOW)
    assert shares(peer_set, 2) == [4000, 0]


def test_pairs_are_drawn_by_weight():
    peers, peer_set = build([90, 5, 5])
    peers.observe(0, 100 * MS, NOW)
    peers.observe(1, MS, NOW)
    peers.observe(2, MS, NOW)
    # cost per weight: 100/90 against 1/5 and 1/5: the light ones win any pair they are in
    assert shares(peer_set, 3)[0] == 0
    peers.observe(1, SECOND, NOW)
    peers.observe(2, SECOND, NOW)
    # ... and now they win only the pair of the two, 1/190 of 0.1
    assert shares(peer_set, 3)[0] > 3900


def test_unmeasured_target_is_tried_one_request_at_a_time():
    peers, peer_set = build([1, 1, 1])
    peers.observe(0, MS, NOW)
    peers.observe(1, MS, NOW)
    new = shares(peer_set, 3)[2]
    assert abs(new / 4000 - 2 / 3) < 0.05       # in every pair it is in, while idle
    peers.set_inflight(2, 1)
    assert shares(peer_set, 3)[2] == 0          # in none, until that one is answered
    peers.observe(2, 2 * MS, NOW)
    peers.set_inflight(2, 0)
    assert shares(peer_set, 3)[2] == 0          # measured now, and slower


def test_new_set_spreads_its_first_requests_over_all():
    peers, peer_set = build([1] * 6)
    counts = [0] * 6
    for i in range(120):
        picked = peer_set.pick(random=mix(i), now_ns=NOW)
        counts[picked] += 1
        peers.add_inflight(picked, 1)
    assert 17 <= min(counts) and max(counts) <= 23      # one choice instead of two: 12 to 30


def test_equal_targets_share_evenly():
    _, peer_set = build([100] * 5)
    chi_square = sum((count - 4000) ** 2 / 4000 for count in shares(peer_set, 5, 20000))
    assert chi_square < 20

"""Nanoseconds a pick takes, by policy, number of targets and weights.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_balancer.py

Each round is 100,000 picks without the GIL; `ns_per_pick` in the extra info is the
figure (to reach: consistent hashing 40 ns).
"""

import pytest
from fastgate_doors.balancer_door import ALGORITHMS, Peers, PeerSet

PICKS = 100_000
WEIGHTS = {
    "2 equal": [100] * 2,
    "10 equal": [100] * 10,
    "10 mixed": list(range(1, 11)),
    "3 of long cycle": [65535, 65521, 65519],
    "1000 mixed": [1 + i % 97 for i in range(1000)],
}


def build(algorithm: str, weights: list[int]) -> PeerSet:
    return PeerSet(algorithm, Peers(f"10.0.{i >> 8}.{i & 255}:80" for i in range(len(weights))), weights)


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_pick(benchmark, algorithm, weights):
    peers = build(algorithm, WEIGHTS[weights])
    figures = []
    benchmark.pedantic(lambda: figures.append(peers.time_picks(PICKS)), rounds=5, warmup_rounds=1)
    benchmark.extra_info["ns_per_pick"] = sorted(figures)[len(figures) // 2]


@pytest.mark.parametrize("n", [3, 100, 1000])
@pytest.mark.parametrize("kind", ["equal", "mixed"])
def test_ring_build(benchmark, n, kind):
    weights = [100] * n if kind == "equal" else [1 + i % 97 for i in range(n)]
    peers = Peers(f"10.0.{i >> 8}.{i & 255}:80" for i in range(n))
    benchmark.pedantic(lambda: PeerSet("consistent-hashing", peers, weights), rounds=5, warmup_rounds=1)

"""Nanoseconds a look into the auth room's tables takes, by their size, and how long they take to build.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_auth_tables.py

A round looks for 10,000 addresses or keys in random order, 20 times over, without the GIL; `ns_per_lookup` in
the extra info is the figure, of CPU time. Half of the addresses are in the set: nothing for a branch to learn.
"""

import random
import time

import pytest
from fastgate_doors.auth_tables_door import IpSet, KeyIndex

LOOKUPS = 10_000
PASSES = 20             # over all lookups in a round: setting up, which is Python's, vanishes
MAPPED = bytes(10) + b"\xff\xff"


def networks(version: int, n: int) -> list[tuple[bytes, int]]:
    pick = random.Random(n)
    if version == 4:
        return [(MAPPED + pick.randbytes(4), 96 + pick.randint(24, 32)) for _ in range(n)]
    return [(b"\x20\x01" + pick.randbytes(14), pick.randint(40, 64)) for _ in range(n)]


def addresses(version: int, of: list[tuple[bytes, int]]) -> bytes:
    pick = random.Random(1)
    found = [pick.choice(of)[0] if at % 2 else (MAPPED + pick.randbytes(4) if version == 4 else b"\x20\x01" + pick.randbytes(14))
             for at in range(LOOKUPS)]
    pick.shuffle(found)
    return b"".join(found)


def api_keys(n: int, seed: int) -> list[bytes]:
    pick = random.Random(seed)
    return [pick.randbytes(16).hex().encode() for _ in range(n)]


def measure(benchmark, count, what):
    figures, answers = [], set()

    def count_all():
        start = time.thread_time_ns()
        answers.add(count(what, PASSES))
        figures.append((time.thread_time_ns() - start) / PASSES / LOOKUPS)

    benchmark.pedantic(count_all, rounds=9, warmup_rounds=1)
    benchmark.extra_info["ns_per_lookup"] = round(sorted(figures)[len(figures) // 2], 1)
    assert len(answers) == 1
    return answers.pop() // PASSES


@pytest.mark.parametrize("n", [1, 100, 5_000, 50_000])
@pytest.mark.parametrize("version", [4, 6])
def test_ip_set(benchmark, version, n):
    listed = networks(version, n)
    found = IpSet(listed)
    benchmark.extra_info["set_bytes"] = found.bytes
    assert measure(benchmark, found.count, addresses(version, listed)) >= LOOKUPS // 2


@pytest.mark.parametrize("n", [10, 1_000, 100_000])
@pytest.mark.parametrize("is_there", [True, False], ids=["there", "not there"])
def test_key_index(benchmark, is_there, n):
    keys = api_keys(n, 1)
    index = KeyIndex([(key, at) for at, key in enumerate(keys)])
    asked = random.Random(2).choices(keys, k=LOOKUPS) if is_there else api_keys(LOOKUPS, 2)
    benchmark.extra_info["index_bytes"] = index.bytes
    assert measure(benchmark, index.count, asked) == (LOOKUPS if is_there else 0)


@pytest.mark.parametrize("version", [4, 6])
def test_build_ip_set(benchmark, version):
    benchmark.pedantic(IpSet, (networks(version, 5_000),), rounds=5, warmup_rounds=1)


def test_build_key_index(benchmark):
    benchmark.pedantic(KeyIndex, ([(key, at) for at, key in enumerate(api_keys(100_000, 1))],), rounds=5, warmup_rounds=1)

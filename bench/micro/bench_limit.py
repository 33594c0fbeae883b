"""Nanoseconds a limiter decision takes: by algorithm, by windows, by how many keys are warm, and when threads share a key.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_limit.py

`ns_per_decision` in the extra info is the figure, of CPU time and without the GIL (to reach: 60 ns on
a warm key). With many keys it holds the two hash_mix that make each key, and, beyond the CPU's cache,
the misses: an entry is one or two lines, its chain's head and its shard one each.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastgate_doors.limit_door import Rule, Table

TIMES = 1_000_000
S = 10**9
NOW = 1_700_000_000 * S
PERIODS = [S, 60 * S, 3600 * S, 86400 * S, 30 * 86400 * S, 365 * 86400 * S]
MOST = 2**32 - 1


def run(benchmark, decide, times=TIMES, clock=time.thread_time_ns):
    figures = []

    def once():
        start = clock()
        decide()
        figures.append((clock() - start) / times)

    benchmark.pedantic(once, rounds=9, warmup_rounds=1)
    benchmark.extra_info["ns_per_decision"] = round(sorted(figures)[len(figures) // 2], 1)


@pytest.mark.parametrize("windows", [1, 2, 6])
@pytest.mark.parametrize("algorithm", ["sliding-window", "fixed-window", "token-bucket", "leaky-bucket"])
def test_one_key(benchmark, algorithm, windows):
    table = Table(100_000)
    rule = Rule(algorithm, [(MOST, period, 100_000_000) for period in PERIODS[:windows]], 86400 * S)
    table.repeat(rule, 1, NOW - 2 * PERIODS[windows - 1], 1000)
    table.repeat(rule, 1, NOW - PERIODS[windows - 1], 1000)     # so that the longest has a last one to weigh
    run(benchmark, lambda: table.repeat(rule, 1, NOW, TIMES))


def test_a_refusal(benchmark):
    table, rule = Table(100_000), Rule("sliding-window", [(1, S), (100, 60 * S)])
    run(benchmark, lambda: table.repeat(rule, 1, NOW, TIMES))


@pytest.mark.parametrize("keys", [1_000, 10_000, 90_000])
def test_many_keys(benchmark, keys):
    table, rule = Table(100_000), Rule("sliding-window", [(MOST, S), (MOST, 60 * S)])
    table.walk(rule, 0, keys, NOW)
    passes = TIMES // keys
    run(benchmark, lambda: table.walk(rule, 0, keys, NOW, passes), passes * keys)
    assert table.evictions < keys // 100


def test_new_keys_in_a_full_table(benchmark):
    table, rule, first = Table(100_000), Rule("sliding-window", [(MOST, S)]), iter(range(0, 1 << 40, TIMES))
    run(benchmark, lambda: table.walk(rule, next(first), TIMES, NOW))


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_on_one_key(benchmark, threads):
    """Wall time over all decisions: what the key's lock lets through."""
    table, rule = Table(100_000), Rule("sliding-window", [(MOST, S)])
    each = TIMES // threads
    with ThreadPoolExecutor(threads) as pool:
        run(benchmark, lambda: list(pool.map(lambda _: table.repeat(rule, 1, NOW, each), range(threads))),
            clock=time.perf_counter_ns)

"""The scripts on a real Redis, against plain Python."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from fastgate.control.shared_counts import NS, Delta, SharedCounts, window_key
from support.redis_server import RedisServer

MINUTE = 60 * NS


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def with_counts(redis, work, *nodes):
    """Runs `work` with the scripts of these gateways, on an empty Redis."""
    async def run():
        client = Redis(port=redis.port)
        await client.flushall()
        try:
            return await work(*(SharedCounts(client, node) for node in nodes))
        finally:
            await client.aclose()

    return asyncio.run(run())


def delta(n, number, key=1, at_ns=0):
    return Delta("p", (0, key, at_ns, MINUTE, n), window_key("p", 0, key, at_ns, MINUTE, is_asked=False), number)


def test_totals_are_everybodys(redis):
    async def work(one, other):
        return await one.count([delta(3, 1), delta(1, 2, key=2)]), await other.count([delta(4, 1)]), await one.count([delta(0, 3)])

    assert with_counts(redis, work, "one", "other") == ([3, 1], [7], [7])


def test_a_delta_told_again_counts_once(redis):
    async def work(one, other):
        first = await one.count([delta(3, 1)])
        again = await one.count([delta(3, 1)])
        await other.count([delta(5, 1)])
        return first, again, await one.count([delta(3, 1)]), await one.count([delta(2, 2)])

    assert with_counts(redis, work, "one", "other") == ([3], [3], [8], [10])


def test_many_go_in_several_calls(redis):
    async def work(one):
        return await one.count([delta(key, key + 1, key=key) for key in range(1201)])

    assert with_counts(redis, work, "one") == list(range(1201))


def test_what_counts_expires_and_what_only_asks_leaves_nothing(redis):
    async def work(one):
        await one.count([delta(1, 1), delta(0, 2, key=2)])

    with_counts(redis, work, "one")
    with redis.client() as client:
        key, = client.keys()
        assert 0 < client.pttl(key) <= 2 * 60_000 + 5000


def test_gateways_are_counted_until_they_leave(redis):
    async def work(one, other):
        counts = [await one.nodes(), await other.nodes(), await one.nodes()]
        await one.leave()
        return [*counts, await other.nodes()]

    assert with_counts(redis, work, "one", "other") == [1, 2, 2, 1]


def test_names_hold_key_and_window_together_or_the_key_alone():
    assert window_key("id", 1, 2, 120 * NS, MINUTE, is_asked=False) == f"ratelimit:{{id:{2:016x}{1:016x}:120:60}}"
    assert window_key("id", 1, 2, 120 * NS, MINUTE, is_asked=True) == f"ratelimit:{{id:{2:016x}{1:016x}}}:120:60"


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 60_000)), max_size=20), st.integers(0, 12), st.booleans())
def test_a_question_is_decided_as_python_would(redis, asked, before, is_sliding):
    limits = {"a": (9, 60_000), "b": (14, 3_600_000)}

    async def work(one):
        answers = []
        await one.ask([(["b-", "x", "a-", "x"], [before, 10**6, 1, 0, 0, 9000, 10**6, 1, 0, 0, 9000])])
        for cost, left in asked:
            arguments = [cost]
            for limit, period in limits.values():
                arguments += [limit, period, left, int(is_sliding), 9000]
            answers += await one.ask([(["a", "a-", "b", "b-"], arguments)])
        return answers

    counts = dict.fromkeys(limits, 0)
    expected = []
    for cost, left in asked:
        fits = all(counts[name] + (before * left // period if is_sliding else 0) + cost <= limit
                   for name, (limit, period) in limits.items())
        for name in counts:
            counts[name] += cost * fits
        expected.append([int(fits), counts["a"], before, counts["b"], before])
    assert with_counts(redis, work, "one") == expected


"""Clients for Kong's `redis` record, with real servers."""

from __future__ import annotations

import asyncio

import pytest

from fastgate.clients.redis import RedisError, open_redis, settings_of, shared_redis
from fastgate.config.redis_record import REDIS
from support.redis_server import RedisBehindSentinel, RedisClusterServers, RedisServer


def record_of(given):
    problems = []
    record = REDIS.read(given, problems)
    assert not problems, problems
    return record


async def round_trip(given):
    client = open_redis(record_of(given))
    try:
        await client.set("a", "1")
        return await client.get("a")
    finally:
        await client.aclose()


def test_equal_records_have_equal_settings_and_others_have_not():
    one = record_of({"sentinel_master": "m", "sentinel_role": "master", "sentinel_nodes": [{"host": "h"}, {"port": 2}]})
    same = record_of({"sentinel_nodes": [{"host": "h", "port": 6379}, {"host": "127.0.0.1", "port": 2}],
                      "sentinel_role": "master", "sentinel_master": "m"})
    assert settings_of(one) == settings_of(same) and hash(settings_of(one)) == hash(settings_of(same))
    assert settings_of(one) != settings_of(record_of({"host": "h"}))


@pytest.mark.parametrize("start", [RedisServer, lambda: RedisServer(password="secret"), RedisClusterServers, RedisBehindSentinel],
                         ids=["single", "password", "cluster", "sentinel"])
def test_each_kind_is_reached(start):
    with start() as redis:
        assert asyncio.run(round_trip(redis.record())) == b"1"


def test_a_unix_socket_is_reached(tmp_path):
    path = tmp_path / "redis.sock"
    with RedisServer(unixsocket=str(path)):
        assert asyncio.run(round_trip({"host": f"unix:{path}"})) == b"1"


def test_the_database_is_the_records():
    with RedisServer() as redis:
        asyncio.run(round_trip(redis.record(database=3)))
        with redis.client() as client:
            assert list(client.info("keyspace")) == ["db3"]


def test_a_silent_server_is_an_error_after_the_timeout():
    with RedisServer() as redis:
        redis.pause()
        with pytest.raises((RedisError, OSError)):
            asyncio.run(round_trip(redis.record(timeout=50)))


def test_users_of_equal_settings_share_a_client_until_the_last_has_gone():
    async def run():
        first, second, other = (shared_redis(record_of({"host": host})) for host in ("a", "a", "b"))
        assert first is second and first is not other
        await first.release()
        third = shared_redis(record_of({"host": "a"}))
        assert third is second
        for one in (second, third, other):
            await one.release()
        fresh = shared_redis(record_of({"host": "a"}))
        assert fresh is not first
        await fresh.release()

    asyncio.run(run())


def test_a_client_that_can_not_be_closed_is_let_go_all_the_same(monkeypatch, caplog):
    async def run():
        shared = shared_redis(record_of({"host": "a"}))

        async def aclose():
            raise RedisError("broken")

        monkeypatch.setattr(shared.client, "aclose", aclose)
        await shared.release()
        assert "closing connections to Redis failed: RedisError: broken" in caplog.text
        fresh = shared_redis(record_of({"host": "a"}))
        assert fresh is not shared
        await fresh.release()

    asyncio.run(run())

"""The plugins' Redis over reloads: kept while somebody may use it, closed when nobody does."""

from __future__ import annotations

from control.python_calls import run_with
from fastgate.config.redis_record import REDIS
from fastgate.control.python_redis import PythonRedis
from support.redis_server import RedisServer


def record(server: RedisServer, **more: object) -> dict:
    return REDIS.read(server.record(**more), [])


def test_the_same_record_keeps_the_client_and_another_changes_it():
    async def talk():
        with RedisServer() as server:
            redis = PythonRedis()
            await redis.stage(record(server))
            first = redis.staged
            redis.settle()
            assert redis.current is first and await first.set("a", "1")
            await redis.stage(record(server))
            redis.settle()
            await redis.release()
            assert redis.current is first and await first.get("a") == b"1"
            await redis.stage(record(server, database=1))
            redis.settle()
            second = redis.current
            assert second is not first and await second.get("a") is None
            assert await first.get("a") == b"1"             # requests that began before go on
            await redis.release()
            with server.client() as outside:
                names = [one["db"] for one in outside.client_list() if one["db"] == "0" and one["cmd"] == "get"]
                assert not names                            # its connections are closed
            await redis.stage(None)
            redis.settle()
            assert redis.current is None
            await redis.close()

    run_with(talk)


def test_a_refused_change_leaves_what_there_is():
    async def talk():
        with RedisServer() as server:
            redis = PythonRedis()
            await redis.stage(record(server))
            redis.settle()
            first = redis.current
            await redis.stage(record(server, database=1))
            await redis.abandon()
            assert redis.current is first and redis.staged is None and await first.ping()
            await redis.close()
            assert redis.current is None

    run_with(talk)

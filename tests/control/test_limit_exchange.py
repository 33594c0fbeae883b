"""The exchange of counts, and a Redis that behaves as none should."""

from __future__ import annotations

import asyncio
import socket
import time
from itertools import count
from types import SimpleNamespace

import pytest

from control.python_calls import run_with, until
from fastgate.control import limit_exchange
from fastgate.control.limit_exchange import Exchange
from fastgate.config.redis_record import REDIS


def test_the_client_is_released_though_the_last_counts_are_not_told(monkeypatch, caplog):
    async def talk():
        released = []

        async def zrem(*names: str) -> None:
            raise KeyError("slot")

        async def release() -> None:
            released.append(True)

        monkeypatch.setattr(limit_exchange, "shared_redis", lambda record: SimpleNamespace(
            client=SimpleNamespace(zrem=zrem), release=release))
        one = Exchange(SimpleNamespace(shared_limits=None), REDIS.read({"host": "h", "password": "s3cret"}, []), 1.0, "node", count(), lambda delta: None)
        await one.close(is_end=False)
        assert released == [True]

    run_with(talk)
    assert "the last counts did not reach Redis h:6379: KeyError" in caplog.text and "s3cret" not in caplog.text


@pytest.mark.parametrize("is_there", [True, False])
def test_redis_is_away_without_an_answer_and_not_because_this_loop_was_late(monkeypatch, caplog, is_there):
    """Its answer lies in the socket while the loop is held up: then nobody holds to a share, and nobody is refused."""
    monkeypatch.setattr(limit_exchange, "RETRY_S", 0.01)

    async def talk():
        here, there = socket.socketpair()
        with here, there:
            here.setblocking(False)

            async def evalsha(*_: object) -> int:
                await asyncio.get_running_loop().sock_recv(here, 1)
                return 1

            async def leave(*_: object) -> None:
                pass

            monkeypatch.setattr(limit_exchange, "shared_redis", lambda record: SimpleNamespace(
                client=SimpleNamespace(evalsha=evalsha, zrem=leave), release=leave))
            one = Exchange(SimpleNamespace(shared_limits=None), REDIS.read({"host": "h"}, []), 0.001, "node", count(), lambda delta: None)
            await asyncio.sleep(0)                  # the first round asks
            if is_there:
                there.send(b"1")
                time.sleep(0.05)                    # as a plugin that blocks would
                await until(lambda: one._next_beat)
            else:
                await until(lambda: one.is_away)
                there.send(b"1")
                await until(lambda: not one.is_away)
            await one.close(is_end=False)

    run_with(talk)
    assert ("is away" in caplog.text) is not is_there

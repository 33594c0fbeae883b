"""The exchange of counts, and a Redis that behaves as none should."""

from __future__ import annotations

from types import SimpleNamespace

from control.python_calls import run_with
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
        one = Exchange(SimpleNamespace(shared_limits=None), REDIS.read({"host": "h", "password": "s3cret"}, []), 1.0, "node")
        await one.close(is_end=False)
        assert released == [True]

    run_with(talk)
    assert "the last counts did not reach Redis h:6379: KeyError" in caplog.text and "s3cret" not in caplog.text

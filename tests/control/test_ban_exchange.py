"""Bans and a Redis that behaves as none should."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from control.python_calls import run_with
from fastgate.control import ban_exchange
from fastgate.control.ban_exchange import BanExchange

MODEL = SimpleNamespace(gateway={"redis": {"host": "h"}, "bans": {"sync_rate": 0.001}}, plugins=[{"name": "anti-bot"}])


class Shared:
    """Stands for clients.redis's: its client raises what no client says it raises."""

    def __init__(self) -> None:
        self.client = self
        self.is_released = False
        self.asked = 0
        self.is_asked_again = asyncio.Event()

    def scan_iter(self, **options: object) -> object:
        self.asked += 1
        if self.asked == 2:
            self.is_asked_again.set()
        raise KeyError("slot")

    async def delete(self, key: str) -> None:
        raise AttributeError("writer")

    async def release(self) -> None:
        self.is_released = True


def test_whatever_goes_wrong_the_exchange_goes_on_and_ends(monkeypatch, caplog):
    async def talk():
        shared = Shared()
        monkeypatch.setattr(ban_exchange, "shared_redis", lambda record: shared)
        exchange = BanExchange(SimpleNamespace(bans=SimpleNamespace(read=list)))
        exchange.follow(MODEL)
        await shared.is_asked_again.wait()
        assert exchange.figures()["away"] == 1 and exchange.figures()["failures"] >= 1
        exchange.forget("192.0.2.1")
        await exchange.close()
        assert shared.is_released

    run_with(talk)
    assert "bans: the last ones did not reach Redis: writer" in caplog.text

"""Bans and a Redis that behaves as none should."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

from control.python_calls import run_with
from fastgate._core.bridge.bans import Bans
from fastgate.control import ban_exchange
from fastgate.control.ban_exchange import BanExchange
from fastgate.control.bans import address_of

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

    async def info(self, section: str) -> dict[str, str]:
        return {}

    async def delete(self, key: str) -> None:
        raise AttributeError("writer")

    async def release(self) -> None:
        self.is_released = True


def test_whatever_goes_wrong_the_exchange_goes_on_and_ends(monkeypatch, caplog):
    async def talk():
        shared = Shared()
        monkeypatch.setattr(ban_exchange, "shared_redis", lambda record: shared)
        exchange = BanExchange(SimpleNamespace(bans=SimpleNamespace(read=list, changes=int)))
        exchange.follow(MODEL)
        await shared.is_asked_again.wait()
        assert exchange.figures()["away"] == 1 and exchange.figures()["failures"] >= 1
        exchange.forget("192.0.2.1")
        await exchange.close()
        assert shared.is_released

    run_with(talk)
    assert "bans: the last ones did not reach Redis: writer" in caplog.text


def test_the_table_is_read_only_when_its_bans_have_changed(monkeypatch):
    """With a table of the core, and a Redis that takes everything but what it is told first."""
    told, reads, asked = [], [], asyncio.Event()

    class Takes(Shared):
        def scan_iter(self, **options: object) -> object:
            self.asked += 1
            asked.set()
            return _nothing()

        def pipeline(self, transaction: bool) -> object:
            return SimpleNamespace(set=lambda key, score, px: told.append(key), execute=self.execute)

        async def execute(self) -> list:
            if len(told) == 1:
                raise OSError("away")
            return []

    class Counted:
        def __init__(self) -> None:
            self.bans = Bans(64)

        def __getattr__(self, name: str) -> object:
            if name == "read":
                reads.append(name)
            return getattr(self.bans, name)

    async def turn() -> None:
        asked.clear()
        await asyncio.wait_for(asked.wait(), 30)

    async def talk():
        monkeypatch.setattr(ban_exchange, "shared_redis", lambda record: Takes())
        bans = Counted()
        exchange = BanExchange(SimpleNamespace(bans=bans))
        bans.add(address_of("192.0.2.1"), time.monotonic_ns() + 60_000_000_000)
        exchange.follow(MODEL)
        await turn()
        assert told == ["blacklist:192.0.2.1"] * 2          # again, for the first try failed
        await turn()                                        # lifted: this Redis has none
        reads.clear()
        for _ in range(3):
            await turn()
        assert reads == []
        bans.add(address_of("192.0.2.2"), time.monotonic_ns() + 60_000_000_000)
        await turn()
        await turn()
        assert told[2:] == ["blacklist:192.0.2.2"] and reads
        await exchange.close()

    run_with(talk)


def test_what_redis_has_as_before_changes_nothing_here(monkeypatch):
    """Bans of other gateways, with and without an end: taken over once."""
    left, asked = {b"blacklist:192.0.2.1": 60_000, b"blacklist:192.0.2.2": -1, b"blacklist:x": 60_000}, asyncio.Event()

    class Holds(Shared):
        async def scan_iter(self, **options: object) -> object:
            asked.set()
            for key in list(left):
                yield key

        def pipeline(self, transaction: bool) -> object:
            wanted: list[bytes] = []

            async def execute() -> list[int]:
                return [left[key] for key in wanted]

            return SimpleNamespace(pttl=wanted.append, execute=execute)

    async def turns(number: int) -> None:
        for _ in range(number):
            asked.clear()
            await asyncio.wait_for(asked.wait(), 30)

    async def talk():
        monkeypatch.setattr(ban_exchange, "shared_redis", lambda record: Holds())
        bans = Bans(64)
        exchange = BanExchange(SimpleNamespace(bans=bans))
        exchange.follow(MODEL)
        await turns(2)
        changes = bans.changes()
        assert {ban.address for ban in bans.read()} == {address_of("192.0.2.1"), address_of("192.0.2.2")}
        monkeypatch.setattr(ban_exchange, "FOR_EVER_S", ban_exchange.FOR_EVER_S + 10)       # as it is in ten seconds
        await turns(3)
        assert bans.changes() == changes
        left[b"blacklist:192.0.2.1"] = 600_000
        del left[b"blacklist:192.0.2.2"]
        await turns(2)
        [ban] = bans.read()
        assert ban.address == address_of("192.0.2.1") and ban.until_ns - time.monotonic_ns() > 500_000_000_000
        await exchange.close()

    run_with(talk)


async def _nothing():
    for key in ():
        yield key

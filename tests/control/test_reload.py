"""Reloads in their order, and the end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from control.python_calls import run_with
from fastgate.control.reload import ENDING, Reloader


class Names:
    """Looks up for as long as the test wants."""

    def __init__(self) -> None:
        self.is_asked = asyncio.Event()
        self.settled = 0

    async def prepare(self, model: object) -> None:
        self.is_asked.set()
        await asyncio.Event().wait()

    def settle(self) -> None:
        self.settled += 1


def reloader(names: Names) -> Reloader:
    published = SimpleNamespace(gateway={}, number=7, services=0, routes=0)
    python = SimpleNamespace(unload=lambda: None)
    return Reloader(None, names, lambda: SimpleNamespace(), published, None, python, None, None)


def test_the_end_cuts_a_reload_off_and_lets_none_begin():
    async def talk():
        names = Names()
        one = reloader(names)
        reloads = [asyncio.ensure_future(one.reload()) for _ in range(2)]
        await names.is_asked.wait()
        await one.close()
        assert names.settled == 1
        for result in await asyncio.gather(*reloads):
            assert not result.ok and result.errors == ENDING and result.number == 7
        assert names.settled == 1

    run_with(talk)


def test_who_gives_up_waiting_takes_the_reload_with_him():
    async def talk():
        names = Names()
        one = reloader(names)
        asked = asyncio.ensure_future(one.reload())
        await names.is_asked.wait()
        asked.cancel()
        await asyncio.wait([asked])
        assert asked.cancelled()
        await one.close()
        assert names.settled == 1

    run_with(talk)

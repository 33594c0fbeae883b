"""The plugins of a configuration, and when they are closed."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from control.python_calls import configured, run_with, runner_of, until
from fastgate.control.applications import Applications
from fastgate.control.background import Background
from fastgate.control.python_plugins import PythonPlugins
from fastgate.control.reload import Reloader
from fastgate.plugins import discovery
from fastgate.sdk import Plugin


class Gateway:
    """Stands for the core: so many snapshots that requests still use."""

    def __init__(self, in_use: int = 0) -> None:
        self.in_use = in_use

    def collect(self) -> int:
        return self.in_use

    def remaining(self) -> int:
        return self.in_use

    def retired(self) -> list[int]:
        return list(range(1, self.in_use + 1))


def test_all_are_closed_together():
    """Each waits for the others: one after the other, they would never be done."""
    async def talk():
        closing: list[str] = []
        all_there = asyncio.Event()

        async def close(self):
            closing.append(self.name)
            if len(closing) == 3:
                all_there.set()
            await all_there.wait()

        plugins = PythonPlugins(Gateway())
        for name in ("one", "two", "three"):
            runner = runner_of(type("Waits", (Plugin,), {"name": name, "version": "1.0", "close": close}))
            await runner.init()
            plugins._runners[name] = runner
        forgets = asyncio.ensure_future(plugins.let_go([]))
        await asyncio.sleep(0)
        await plugins.close()           # waits for what is being closed already
        assert sorted(closing) == ["one", "three", "two"] and not plugins._runners and not plugins._ends
        await forgets

    run_with(talk)


def test_what_an_older_version_counted_stays_counted_while_it_is_closed():
    """From the moment on that no request uses it: what closes it may have to wait for its turn."""
    async def talk():
        closed, may_end = [], asyncio.Event()

        class One(Plugin):
            name = "one"
            version = "1.0"

            async def close(self):
                closed.append(self.name)
                await may_end.wait()

        gateway = SimpleNamespace(python_queue=SimpleNamespace(figures=lambda: {}))
        plugins = PythonPlugins(gateway)
        old, new = runner_of(One), runner_of(One)
        for runner in (old, new):
            await runner.init()
        old.failures, new.failures = 3, 2
        plugins._runners["one"], plugins._old = new, [old]
        plugins._published[0] = [configured(new)]

        def failures() -> int:
            return plugins.figures()["one"]["failures"]

        assert failures() == 5
        rest = plugins.let_go([])
        assert failures() == 5 and not plugins._old
        forgets = asyncio.ensure_future(rest)
        await until(lambda: closed)
        assert failures() == 5
        may_end.set()
        await forgets
        assert failures() == 5 and not plugins._ends and closed == ["one"]

    run_with(talk)


def test_what_no_request_uses_is_closed_once_though_the_gateway_ends_first():
    async def talk():
        closed = []

        class One(Plugin):
            name = "one"
            version = "1.0"

            async def close(self):
                closed.append(self.name)

        plugins = PythonPlugins(Gateway())
        runner = plugins._runners["one"] = runner_of(One)
        await runner.init()
        rest = plugins.let_go([])           # something else is awaited before it
        await plugins.close()
        assert closed == ["one"]
        await rest
        assert closed == ["one"]

    run_with(talk)


def reloader(gateway: Gateway, python: PythonPlugins) -> Reloader:
    return Reloader(gateway, None, None, SimpleNamespace(gateway={}), None, python,
                    Applications(gateway, ""), Background(gateway))


def test_nothing_is_forgotten_while_a_reload_is_under_way_or_an_old_snapshot_in_use():
    async def talk():
        closed = []

        class Old(Plugin):
            name = "old"
            version = "1.0"

            async def close(self):
                closed.append(self.name)

        gateway = Gateway()
        plugins = PythonPlugins(gateway)
        runner = plugins._runners["old"] = runner_of(Old)
        plugins._published[1] = [configured(runner)]
        await runner.init()
        one = reloader(gateway, plugins)
        async with one._turn:                           # a reload
            forgets = asyncio.ensure_future(one.forget())
            await asyncio.sleep(0.01)
            assert not closed and not forgets.done()
            gateway.in_use = 1                          # it published: requests still use what was current before
        assert await forgets is False and not closed and plugins._runners
        gateway.in_use = 0
        assert await one.forget() is True and closed == ["old"] and not plugins._runners

    run_with(talk)


def test_modules_are_unloaded_in_turn_with_reloads(monkeypatch):
    """A reload's thread may be loading others just then, into the same tables."""
    async def talk():
        may_end, unloaded = asyncio.Event(), []
        monkeypatch.setattr(discovery, "unload", lambda contracts: unloaded.append(one._turn.locked()))

        class Old(Plugin):
            name = "old"
            version = "1.0"

            async def close(self):
                await may_end.wait()

        plugins = PythonPlugins(Gateway())
        runner = plugins._runners["old"] = runner_of(Old)
        await runner.init()
        one = reloader(Gateway(), plugins)
        forgets = asyncio.ensure_future(one.forget())
        await until(lambda: plugins._ends)
        async with one._turn:                           # a reload
            may_end.set()
            await until(lambda: not plugins._ends)
            assert not unloaded and not forgets.done()
        assert await forgets is True and unloaded == [True]

    run_with(talk)


def test_what_a_reload_leaves_while_others_are_closed_is_not_forgotten():
    async def talk():
        class Old(Plugin):
            name = "old"
            version = "1.0"

            async def close(self):
                gateway.in_use = 1                      # a reload, which has the turn by now

        gateway = Gateway()
        plugins = PythonPlugins(gateway)
        runner = plugins._runners["old"] = runner_of(Old)
        plugins._published[1] = [configured(runner)]
        await runner.init()
        one = reloader(gateway, plugins)
        assert await one.forget() is False and not plugins._runners
        gateway.in_use = 0
        assert await one.forget() is True

    run_with(talk)

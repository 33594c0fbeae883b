"""One plugin in Python at work, with calls made by hand on a loop of the test's."""

from __future__ import annotations

import asyncio

import pytest
from control.python_calls import run_with, runner_of
from fastgate.control import python_runner
from fastgate.control.python_plugins import PluginFailed
from fastgate.sdk import Plugin


class Base(Plugin):
    name = "tested"
    version = "1.0.0"


@pytest.mark.parametrize("hook", ["init", "configure"])
def test_a_hook_that_does_not_let_itself_be_cancelled_holds_nobody(monkeypatch, hook):
    monkeypatch.setattr(python_runner, "SET_UP_S", 0.02)

    async def stays(self, *ignored):
        while not self.gate.is_set():
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                pass

    async def talk():
        gate = asyncio.Event()
        runner = runner_of(type("Stays", (Base,), {hook: stays, "gate": gate}))
        if hook == "configure":
            await runner.init()
        with pytest.raises(PluginFailed, match=f"{hook} took longer than 0.02 s"):
            await (runner.init() if hook == "init" else runner.configure([]))
        gate.set()

    run_with(talk)


def test_who_cancels_the_caller_of_a_hook_does_cancel_it():
    async def talk():
        started = asyncio.Event()

        class Waits(Base):
            async def init(self):
                started.set()
                await asyncio.Event().wait()

        task = asyncio.ensure_future(runner_of(Waits).init())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_with(talk)

"""A runner and calls as the core gives them, made by hand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastgate.config.gateway import defaults
from fastgate.control.python_runner import Configured, Runner
from fastgate.sdk import Contract, Plugin, Store
from fastgate.sdk.metrics import Registry

SETTINGS = {"threads": 2, "failures": 3, "pause": 1000, "calls": 4, "timeout": 60_000, "http": defaults()["python"]["http"]}


class Call:
    """Stands for a PythonCall: remembers its verdict."""

    def __init__(self, is_log: bool = False) -> None:
        self.is_log = is_log
        self.verdict: Any = None        # "on", "end" or a status

    def is_open(self) -> bool:
        return self.verdict is None

    def fact(self, which: int) -> str | None:
        return ""

    def go_on(self, changes: list | None) -> None:
        self.verdict = "on"

    def refuse(self, status: int, text: bytes, changes: list | None) -> None:
        self.verdict = status

    def answer(self, status: int, content_type: bytes, body: bytes, changes: list) -> None:
        self.verdict = status

    def end(self) -> None:
        self.verdict = "end"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def runner_of(plugin_class: type[Plugin], clock: Callable[[], float] | None = None, **settings: int) -> Runner:
    """On the running loop."""
    return Runner(Contract(plugin_class), Store(), asyncio.get_running_loop(), SETTINGS | settings, Registry(), None, clock or Clock())


def configured(runner: Runner, timeout_ms: int = 60_000, on_error: str = "fail") -> Configured:
    return Configured(1, runner, {"on_error": on_error, "phase_timeout": None}, timeout_ms)


async def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        await asyncio.sleep(0)


def run_with(talk: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(asyncio.wait_for(talk(), 60))

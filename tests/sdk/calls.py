"""A call as the core gives it, made by hand."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from fastgate._core.bridge import python_phase as core
from fastgate.sdk import Store, Tools
from fastgate.sdk.metrics import Registry


class Call:
    """Stands for a PythonCall: facts by their number."""

    is_log = False

    def __init__(self, facts: dict[int, str] | None = None, fields: list[tuple[str, str]] | None = None) -> None:
        self._facts = {core.METHOD: "GET", core.PATH: "/"} | (facts or {})
        self._fields = fields or []
        self.open = True

    def is_open(self) -> bool:
        return self.open

    def fact(self, which: int) -> str | None:
        return self._facts.get(which)

    def fields(self) -> list[tuple[str, str]]:
        return list(self._fields)

    def outcome(self) -> tuple[int, int, int, int, int]:
        return 200, 201, 1500, 2_000_000_000, 1_000_000_000


def tools_of(plugin: str = "test", *, loop: asyncio.AbstractEventLoop | None = None, **http: object) -> Tools:
    """What a plugin has in hand; without a loop, what needs none."""
    settings = {"connections": 10, "idle": 2, "keep_alive": 30_000, "timeout": 10_000, "connect_timeout": 5_000,
                "answer_bytes": 1000, "tls_verify": True, "ca_file": None}
    return Tools(plugin, Store(), loop or cast(Any, object()), {"http": settings | http}, Registry())

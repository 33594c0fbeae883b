"""All that a plugin has to do with while one request is in its hands."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING, TypeVar

from fastgate._core.bridge import python_phase as core

from .entities import Consumer, Outcome, Route, Service
from .errors import PhaseError
from .fields import field_name, field_value
from .request import Request

if TYPE_CHECKING:
    import logging

    from redis.asyncio import Redis

    from fastgate._core.bridge.python_phase import PythonCall
    from fastgate.clients.http import HttpClient

    from .metrics import Metrics
    from .store import Store
    from .tools import Tools

_T = TypeVar("_T")


class Context:
    """One phase of one request. Good until the hook returns."""

    __slots__ = ("_call", "_tools", "phase", "request")

    #: "access" or "log".
    phase: str
    request: Request

    def __init__(self, call: PythonCall, phase: str, tools: Tools) -> None:
        self._call = call
        self._tools = tools
        self.phase = phase
        self.request = Request(call, phase)

    # What `self.tools` has, at hand.

    @property
    def store(self) -> Store:
        """Shared by all plugins and all requests; see Store."""
        return self._tools.store

    @property
    def log(self) -> logging.Logger:
        """The plugin's own logger."""
        return self._tools.log

    @property
    def metrics(self) -> Metrics:
        """The plugin's own counters, gauges and histograms."""
        return self._tools.metrics

    @property
    def http(self) -> HttpClient:
        """Asks HTTP servers: `await context.http.get(url)`."""
        return self._tools.http

    @property
    def redis(self) -> Redis:
        """The Redis of `gateway.redis`: `await context.redis.get(key)`."""
        return self._tools.redis

    def wait(self, what: Awaitable[_T]) -> _T:
        """In a `def` hook, what `await` is in an `async def`: `context.wait(context.http.get(url))`."""
        return self._tools.wait(what)

    @property
    def route(self) -> Route:
        return Route(self.request._fact(core.ROUTE) or "")

    @property
    def service(self) -> Service | None:
        """None: the route has none."""
        name = self.request._fact(core.SERVICE)
        return None if name is None else Service(name)

    @property
    def consumer(self) -> Consumer | None:
        """Who asks. None: nobody known."""
        fact = self.request._fact
        found = fact(core.CONSUMER_ID)
        if found is None:
            return None
        return Consumer(found, fact(core.CONSUMER_USERNAME) or None, fact(core.CONSUMER_CUSTOM_ID) or None,
                        fact(core.CREDENTIAL) or None)

    def add_response_header(self, name: str, value: str) -> None:
        """One more field for the answer, whoever gives it."""
        self.request._must_be_access("context.add_response_header")
        self.request._change(core.ANSWER_ADD, field_name(name), field_value(name, value))

    @property
    def outcome(self) -> Outcome:
        """How the request ended: in the log phase."""
        if self.phase != "log":
            raise PhaseError(f"context.outcome is for the log phase; this is {self.phase}")
        self.request._fact(core.METHOD)
        status, upstream_status, started_at_ms, total_ns, upstream_ns = self._call.outcome()
        return Outcome(status, upstream_status, started_at_ms / 1e3, total_ns / 1e9, upstream_ns / 1e9)

"""All that a plugin has to do with while one request is in its hands."""

from __future__ import annotations

from collections.abc import Awaitable
from struct import pack
from typing import TYPE_CHECKING, Any, TypeVar

from fastgate._core.bridge import python_phase as core

from .answer import PHASES, Answer
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

    __slots__ = ("_answer", "_call", "_consumer", "_tools", "phase", "request")

    #: "rewrite", "access", "header_filter", "body_filter" or "log".
    phase: str
    request: Request

    def __init__(self, call: PythonCall, phase: str, tools: Tools) -> None:
        self._call = call
        self._consumer: Consumer | None = None
        self._tools = tools
        self.phase = phase
        self.request = Request(call, phase)
        self._answer = Answer(call, phase) if phase in PHASES else None

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
        if self.phase == "rewrite":
            raise PhaseError("context.route is not known yet in the rewrite phase")
        return Route(self.request._fact(core.ROUTE) or "")

    @property
    def service(self) -> Service | None:
        """None: the route has none."""
        name = self.request._fact(core.SERVICE)
        return None if name is None else Service(name)

    @property
    def consumer(self) -> Consumer | None:
        """Who asks. None: nobody known."""
        if self._consumer is not None:
            return self._consumer
        fact = self.request._fact
        found = fact(core.CONSUMER_ID)
        if found is None:
            return None
        return Consumer(found, fact(core.CONSUMER_USERNAME) or None, fact(core.CONSUMER_CUSTOM_ID) or None,
                        fact(core.CREDENTIAL) or None)

    @property
    def state(self) -> dict[str, Any]:
        """What plugins keep for this request, from its first phase to its last: shared by all, gone with the request."""
        self.request._fact(core.METHOD)
        return self._call.kept()

    def authenticate(self, consumer: str, credential: str = "") -> None:
        """In `access`: this is who asks, by id or username: for plugins behind this one, for the log, and for the upstream
        (X-Consumer-*, X-Credential-Identifier). Raises LookupError when the configuration has no such consumer."""
        found = self._find("context.authenticate", core.CONSUMERS, "consumer", consumer)
        self.request._change(core.SET_CONSUMER, pack("=I", found[0]), field_value("X-Credential-Identifier", credential))
        self._consumer = Consumer(found[1], found[2] or None, found[3] or None, credential or None)

    def set_service(self, service: str) -> None:
        """In `access`: another service of the configuration answers, by id or name. Raises LookupError when there is none."""
        found = self._find("context.set_service", core.SERVICES, "service", service)
        self.request._change(core.SET_SERVICE, pack("=I", found[0]), None)

    def _find(self, what: str, kind: int, label: str, name: str) -> tuple[int, str, str | None, str | None]:
        self.request._must_be_in("access", what)
        found = self._call.find(kind, name)
        if found is None:
            raise LookupError(f"{what}: there is no {label} {name!r} in the configuration")
        return found

    def add_response_header(self, name: str, value: str) -> None:
        """One more field for the answer, whoever gives it."""
        self.request._must_be_changeable("context.add_response_header")
        self.request._change(core.ANSWER_ADD, field_name(name), field_value(name, value))

    @property
    def response(self) -> Answer:
        """The answer: in header_filter, body_filter and log."""
        if self._answer is None:
            raise PhaseError(f"context.response is for {', '.join(PHASES)}; this is {self.phase}: there is no answer yet")
        return self._answer

    @property
    def outcome(self) -> Outcome:
        """How the request ended: in the log phase."""
        if self.phase != "log":
            raise PhaseError(f"context.outcome is for the log phase; this is {self.phase}")
        self.request._fact(core.METHOD)
        status, upstream_status, started_at_ms, total_ns, upstream_ns = self._call.outcome()
        return Outcome(status, upstream_status, started_at_ms / 1e3, total_ns / 1e9, upstream_ns / 1e9)

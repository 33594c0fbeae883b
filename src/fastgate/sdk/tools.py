"""What a plugin has in hand besides the request: `self.tools`, and the same by name in every Context."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, TypeVar

from fastgate.clients.http import HttpBounds, HttpClient

from .errors import PluginError
from .metrics import Metrics, Registry
from .store import Store
from .turn import result_of

if TYPE_CHECKING:
    from redis.asyncio import Redis

_T = TypeVar("_T")


class Tools:
    """One plugin's, from `init` to `close`: `self.tools`.

    `http` and `redis` belong to the gateway's control loop. An `async def` hook awaits them; a `def` hook, which
    runs in a thread, hands them to `wait`:

        answer = await self.tools.http.get("http://127.0.0.1:9100/policy")                  # async def
        answer = self.tools.wait(self.tools.http.get("http://127.0.0.1:9100/policy"))       # def
    """

    #: Remembers from one request to the next; shared by all plugins.
    store: Store
    #: The plugin's own logger, `fastgate.plugin.<name>`.
    log: logging.Logger
    #: Counters, gauges, histograms for `/metrics`.
    metrics: Metrics
    #: The plugin's own pool of connections to HTTP servers, bounded by `gateway.python.http`.
    http: HttpClient

    def __init__(self, plugin: str, store: Store, loop: asyncio.AbstractEventLoop, settings: dict[str, Any],
                 registry: Registry, redis: Redis | None = None) -> None:
        """settings: `gateway.python`. redis: of `gateway.redis`."""
        self.store = store
        self.log = logging.getLogger(f"fastgate.plugin.{plugin}")
        self.metrics = Metrics(plugin, registry)
        self._loop = loop
        self._http_settings: dict[str, Any] | None = None
        self._old: set[asyncio.Task[None]] = set()      # clients with other settings, which end
        self._redis: Redis | None = None
        self.apply(settings, redis)

    def apply(self, settings: dict[str, Any], redis: Redis | None = None) -> None:
        """On the control loop: the configuration has been read again."""
        self._redis = redis
        if settings["http"] == self._http_settings:
            return
        if self._http_settings is not None:
            ends = self._loop.create_task(self.http.close_when_idle())
            self._old.add(ends)
            ends.add_done_callback(self._old.discard)
        self._http_settings = settings["http"]
        self.http = _client(settings["http"], self._loop)

    @property
    def redis(self) -> Redis:
        """The Redis that `gateway.redis` names: redis-py's asyncio client, shared by all plugins. Answers are bytes.
        What goes wrong is a redis.RedisError. Begin keys with the plugin's name, unless others are to read them."""
        if self._redis is None:
            raise PluginError("there is no gateway.redis in the configuration: say where Redis is")
        return self._redis

    def wait(self, what: Awaitable[_T]) -> _T:
        """In a `def` hook: runs this on the control loop, and returns (or raises) what it does. When the hook's time is
        over, it is cancelled, and `wait` raises TimeoutError."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            if asyncio.iscoroutine(what):
                what.close()
            raise PluginError("wait is for def hooks, which run in a thread; here, in an async def, use await")
        return result_of(asyncio.run_coroutine_threadsafe(_awaited(what), self._loop))

    async def close(self) -> None:
        """The plugin has ended."""
        self.metrics.close()
        await self.http.close()
        for task in list(self._old):
            task.cancel()


def _client(settings: dict[str, Any], loop: asyncio.AbstractEventLoop) -> HttpClient:
    bounds = HttpBounds(settings["connections"], settings["idle"], settings["keep_alive"] / 1000,
                        settings["answer_bytes"], settings["timeout"] / 1000, settings["connect_timeout"] / 1000)
    return HttpClient(bounds, verify=settings["tls_verify"], ca_file=settings["ca_file"], loop=loop)


async def _awaited(what: Awaitable[_T]) -> _T:
    return await what

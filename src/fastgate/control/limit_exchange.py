"""rate-limiting with `policy: redis`: what the reactors counted goes to Redis, and what all counted comes back.

One exchange for all plugins that name the same Redis and the same `sync_rate`. While Redis is away, each gateway
admits its share of every limit (limit / gateways last known), and what it counted is told on return, as far as
its windows still matter.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Any

from fastgate.clients.redis import SharedRedis, settings_of, shared_redis
from fastgate.control.limit_asks import Asks, plan_of
from fastgate.control.shared_counts import Delta, SharedCounts, window_key
from fastgate.control.tasks import end_all
from fastgate.plugins.rate_limiting import SYNC_S

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate._core.bridge.shared_limits import RateAsk
    from fastgate.config import Model

log = logging.getLogger("fastgate.control")

BATCH = 4000                # deltas under way at a time; the rest waits in the table
FORGET_BATCHES = 50         # of a plugin that left, at each change of the configuration
BEAT_S = 1.0                # how often a gateway says that it is there
RETRY_S = 0.25              # the least between two tries of a Redis that is away
CLOSE_S = 5.0               # for the last counts
RETURN_S = 2.0              # beyond its own time-out: until all gateways have noticed that Redis is back
LATE_INTERVALS = 2          # an exchange that takes longer counts as away
TAKE_S = 0.02               # of that time, for an answer that is there to be taken: this loop may be who was late


def shared_plugins(model: Model) -> list[dict[str, Any]]:
    return [entity for entity in model.plugins
            if entity["name"] == "rate-limiting" and entity["config"]["policy"] == "redis"]


def asks_at_once(config: dict[str, Any]) -> bool:
    return config["sync_rate"] == 0


def interval_of(config: dict[str, Any]) -> float:
    """Asking at once too needs it: for what was decided while Redis was away."""
    return config["sync_rate"] if config["sync_rate"] > 0 else SYNC_S


class Exchange:
    """With one Redis. `plugins`: id → its configuration."""

    def __init__(self, gateway: Gateway, record: dict[str, Any], interval_s: float, node: str, numbers: Iterator[int],
                 pass_on: Callable[[Delta], None]) -> None:
        """numbers: of `node`'s deltas, for all its exchanges. pass_on: called with what others are to tell."""
        self.plugins: dict[str, dict[str, Any]] = {}
        self.rounds = self.errors = self.told = 0
        self.nodes = 1
        self.is_away = False
        self._shared = gateway.shared_limits
        self._interval_s = interval_s
        self._spacing_s = interval_s        # what it comes to, on a busy machine
        self._late_s = max(LATE_INTERVALS * interval_s, RETRY_S)
        self._late: asyncio.TimerHandle | None = None
        self._where = _where(record)
        self._redis: SharedRedis = shared_redis(record)
        self.counts = SharedCounts(self._redis.client, node)
        self.asks = Asks(self.counts)
        self._pending: list[Delta] = []
        self._taken: list[Delta] = []
        self._again: dict[str, Delta] = {}
        self._again_s = record["timeout"] / 1000 + RETURN_S
        self._again_until = self._next_again = 0.0
        self._numbers = numbers
        self._pass_on = pass_on
        self._next_beat = 0.0
        self._last_good = time.monotonic()
        self._task = asyncio.get_running_loop().create_task(self._run())

    @property
    def lag_s(self) -> float:
        """How old what is known of the others may be."""
        return time.monotonic() - self._last_good

    def figures(self) -> dict[str, int]:
        return {"rounds": self.rounds, "errors": self.errors, "told": self.told, "answered": self.asks.answered,
                "unanswered": self.asks.failed}

    def follow(self, plugins: dict[str, dict[str, Any]]) -> None:
        self.plugins = plugins
        self.asks.plans = {id: plan_of(config) for id, config in plugins.items() if asks_at_once(config)}
        self._tell_reach()

    def take(self, delta: Delta) -> None:
        """What another exchange could not tell. Its number stays: it may have arrived."""
        self._taken.append(delta._replace(key=self._key(delta.plugin, delta.raw)))

    def _key(self, plugin: str, raw: tuple[int, ...]) -> str:
        return window_key(plugin, *raw[:4], is_asked=asks_at_once(self.plugins[plugin]))

    async def _run(self) -> None:
        began = time.monotonic()
        while True:
            before, began = began, time.monotonic()
            self._spacing_s += ((began - before) - self._spacing_s) / 8
            await self.round()
            rest_s = max(self._interval_s, RETRY_S) if self.is_away else self._interval_s
            await asyncio.sleep(max(0.0, rest_s - (time.monotonic() - began)))

    async def round(self) -> None:
        """Never raises: an exchange that fails is tried again."""
        self._collect()
        self._ask_again()
        beats = time.monotonic() >= self._next_beat
        if not self._pending and not beats:
            self._last_good = time.monotonic() if not self.is_away else self._last_good
            return
        self._late = asyncio.get_running_loop().call_later(max(0.0, self._late_s - TAKE_S), self._note_late)
        self.rounds += 1
        try:
            await self._tell()
            if beats:
                self.nodes = await self.counts.nodes()
                self._next_beat = time.monotonic() + BEAT_S
        except Exception as error:      # whatever a client makes of a broken server
            self.errors += 1
            self._set_away(f"{type(error).__name__}: {error}")
        else:
            self._last_good = time.monotonic()
            if self.is_away:
                self._again_until = self._last_good + self._again_s
            self._set_back()
        finally:
            self._late.cancel()

    def _collect(self) -> None:
        now_ns = time.time_ns()
        before, self._pending, self._taken = self._pending + self._taken, [], []
        for delta in before:
            if delta.is_over(now_ns):
                self._shared.drop(delta.raw)
            elif delta.plugin in self.plugins:
                self._pending.append(delta)
            else:
                self._pass_on(delta)
        for plugin in self.plugins:
            room = BATCH - len(self._pending)
            if room <= 0:
                return
            for raw in self._shared.fetch(plugin, room, now_ns):
                self._pending.append(Delta(plugin, raw, self._key(plugin, raw), next(self._numbers)))

    def _ask_again(self) -> None:
        """What was told on return: others may have told theirs later."""
        now = time.monotonic()
        if self.is_away:
            return
        if now >= self._again_until:
            self._again.clear()
        elif now >= self._next_again:
            self._next_again = now + RETRY_S
            self._pending += [delta for delta in self._again.values() if delta.plugin in self.plugins]

    async def _tell(self) -> None:
        if not self._pending:
            return
        told = self._pending
        totals = await self.counts.count(told)
        now, now_ns = time.monotonic(), time.time_ns()
        missing = []
        for delta, total in zip(told, totals):
            if total is None:
                missing.append(delta)
            else:
                self._shared.learn(delta.raw, total, now_ns)
                self.told += delta.raw[4]
                if (self.is_away or now < self._again_until) and len(self._again) < BATCH:
                    self._again[delta.key] = delta._replace(raw=(*delta.raw[:4], 0))
        self._pending = missing

    def _note_late(self) -> None:
        self._late = asyncio.get_running_loop().call_later(TAKE_S, self._set_away, f"no answer for {self._late_s:g} s")

    def _set_away(self, why: str) -> None:
        if not self.is_away:
            self.is_away = True
            log.warning("rate-limiting: Redis %s is away (%s): each of %d gateways holds to its share", self._where, why, self.nodes)
            self._tell_reach()

    def _set_back(self) -> None:
        if self.is_away:
            self.is_away = False
            log.info("rate-limiting: Redis %s is back", self._where)
        self._tell_reach()

    def _tell_reach(self) -> None:
        interval_ns = int(max(self._interval_s, min(self._spacing_s, 2 * self._interval_s)) * 1e9)
        for plugin in self.plugins:
            self._shared.set_reach(plugin, self.nodes, self.is_away, interval_ns)

    async def close(self, *, is_end: bool) -> None:
        """Tells what is left, if it can, or passes it on; what is not fetched yet only at the gateway's end: else its plugins go on."""
        await end_all([self._task])
        await self.asks.close()
        try:
            await asyncio.wait_for(self._leave(is_end), CLOSE_S)
        except Exception as error:
            log.warning("rate-limiting: the last counts did not reach Redis %s: %s: %s", self._where, type(error).__name__, error)
        if not is_end:
            for delta in self._pending + self._taken:
                self._pass_on(delta)
        await self._redis.release()

    async def _leave(self, is_end: bool) -> None:
        if self.is_away:
            return
        if is_end:
            self._collect()
        await self._tell()
        await self.counts.leave()


def _sum(some: dict[str, int], more: dict[str, int]) -> dict[str, int]:
    return {name: some.get(name, 0) + value for name, value in more.items()}


def _where(record: dict[str, Any]) -> str:
    nodes = record["sentinel_nodes"] or record["cluster_nodes"]
    if nodes:
        return ", ".join(f"{node.get('host') or node.get('ip')}:{node['port']}" for node in nodes)
    return f"{record['host']}:{record['port']}"


class LimitExchange:
    """The part of control/background. Owner: Background."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._node = secrets.token_hex(8)
        self._numbers = count(1)                # never anew: Redis takes no number twice
        self._exchanges: dict[tuple[Any, ...], Exchange] = {}
        self._closing: dict[asyncio.Task[None], Exchange] = {}
        self._past: dict[str, int] = {}         # figures of exchanges that are over
        self._by_plugin: dict[str, Exchange] = {}
        self._left: set[str] = set()            # plugins that shared once and do no more
        self._reads_fd = -1

    def follow(self, model: Model) -> None:
        wanted: dict[tuple[Any, ...], dict[str, dict[str, Any]]] = {}
        records = {}
        for entity in shared_plugins(model):
            config = entity["config"]
            key = (settings_of(config["redis"]), interval_of(config))
            wanted.setdefault(key, {})[entity["id"]] = config
            records[key] = config["redis"]
        for key in [key for key in self._exchanges if key not in wanted]:
            gone = self._exchanges.pop(key)
            closing = asyncio.get_running_loop().create_task(gone.close(is_end=False))
            self._closing[closing] = gone
            closing.add_done_callback(self._closed)
        for key, plugins in wanted.items():
            if key not in self._exchanges:
                new = Exchange(self._gateway, records[key], key[1], self._node, self._numbers, self._pass_on)
                new.nodes = max((self._by_plugin[id].nodes for id in plugins if id in self._by_plugin), default=1)   # until it knows
                self._exchanges[key] = new
            self._exchanges[key].follow(plugins)
        self._left |= self._by_plugin.keys()
        self._by_plugin = {id: self._exchanges[key] for key, plugins in wanted.items() for id in plugins}
        self._left -= self._by_plugin.keys()
        for id in self._left:
            self._forget(id)
        fd = self._gateway.shared_limits.fileno()
        if self._reads_fd < 0 <= fd:
            self._reads_fd = fd
            asyncio.get_running_loop().add_reader(fd, self._take)

    def _forget(self, plugin: str) -> None:
        """Its keys have nothing to tell any more; else their places in the table could share nothing again."""
        shared = self._gateway.shared_limits
        for _ in range(FORGET_BATCHES):
            found = shared.fetch(plugin, BATCH, time.time_ns())
            for raw in found:
                shared.drop(raw)
            if not found:
                break

    def _pass_on(self, delta: Delta) -> None:
        exchange = self._by_plugin.get(delta.plugin)
        if exchange is None:
            self._gateway.shared_limits.drop(delta.raw)
        else:
            exchange.take(delta)

    def _closed(self, task: asyncio.Task[None]) -> None:
        self._past = _sum(self._past, self._closing.pop(task).figures())

    def _take(self) -> None:
        by_exchange: dict[Exchange, list[RateAsk]] = {}
        for ask in self._gateway.shared_limits.take_asks(self._gateway):
            exchange = self._by_plugin.get(ask.plugin)
            if exchange is None:
                ask.give_up()
            else:
                by_exchange.setdefault(exchange, []).append(ask)
        for exchange, asks in by_exchange.items():
            exchange.asks.put(asks)

    def figures(self) -> dict[str, float]:
        exchanges = list(self._exchanges.values())
        counted = self._gateway.shared_limits.figures()
        sums = self._past
        for one in (*exchanges, *self._closing.values()):
            sums = _sum(sums, one.figures())
        return {
            "rounds": 0, "errors": 0, "told": 0, "answered": 0, **sums,
            "unanswered": sums.get("unanswered", 0) + counted["asks_late"] + counted["asks_refused"],
            "away": sum(one.is_away for one in exchanges),
            "lag_s": round(max((one.lag_s for one in exchanges), default=0.0), 3),
            "nodes": max((one.nodes for one in exchanges), default=0), "waiting": counted["keys"], "lost": counted["lost"],
        }

    async def close(self) -> None:
        if self._reads_fd >= 0:
            asyncio.get_running_loop().remove_reader(self._reads_fd)
            self._reads_fd = -1
        await asyncio.gather(*self._closing, *(one.close(is_end=True) for one in self._exchanges.values()))
        self._exchanges.clear()

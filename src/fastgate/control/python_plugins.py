"""The plugins in Python that the configuration names: made, configured, called, closed.

Light: what plugins need is imported when a configuration names one.
"""

import asyncio
import logging
import sys
from collections import Counter
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from fastgate.control.published import has_python
from fastgate.control.python_redis import PythonRedis

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model
    from fastgate.clients.redis import SharedRedis
    from fastgate.control.python_runner import Configured, Runner

log = logging.getLogger("fastgate.control")


class PluginFailed(Exception):
    """A plugin's init or configure failed. The message says which, and how."""


class PythonPlugins:
    """Owner: the lifecycle. A change is `prepare`, `tell`, then publish, then `settle` or, refused, `abandon`."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._runners: dict[str, Runner] = {}           # by plugin's name
        self._current: dict[str, Configured] = {}       # by plugin entity's id
        self._handles: dict[int, Configured] = {}       # of all snapshots that may be in use
        self._published: dict[int, list[Configured]] = {}       # by the number of each of these snapshots
        self._number = 0                                # of the current one
        self._next_handle = 1
        self._has_unloaded = False
        self._store: Any = None
        self._metrics: Any = None                       # sdk.metrics.Registry
        self._redis = PythonRedis()
        self._staged_settings: dict[str, Any] = {}
        self._reads_fd: int | None = None
        self._staged: dict[str, Configured] = {}
        self._new_runners: list[Runner] = []
        self._replaced: dict[str, Runner] = {}          # by name, whom the new ones are to follow
        self._old: list[Runner] = []                    # whom others followed, until their last request has ended
        self._past: dict[str, Counter[str]] = {}        # by name, what those that are over counted
        self._to_tell: dict[str, None] = {}             # by name, whose configurations the change changes
        self._told: list[Runner] = []                   # those told of the staged configurations
        self._ends: dict[Runner, asyncio.Task[None]] = {}       # those being closed

    async def prepare(self, model: "Model") -> dict[str, tuple[int, set[str], int | None, list[str]]] | None:
        """Makes what the model needs, for `Gateway.publish`. Raises PluginFailed; `abandon` is due then."""
        self._staged, self._new_runners, self._replaced, self._told = {}, [], {}, []
        self._staged_settings = model.gateway["python"]
        if not has_python(model):
            self._to_tell = dict.fromkeys(self._runners)
            return None
        from fastgate.plugins import discovery

        settings = model.gateway["python"]
        if self._store is None:
            self._make_shared()
        await self._redis.stage(model.gateway["redis"])
        changed: dict[str, None] = {}
        for entity in model.plugins:
            if entity["is_native"]:
                continue
            runner = self._runners.get(entity["name"])
            contract = discovery.plugin(entity["name"]).contract
            if runner is None or runner.contract is not contract:
                runner = await self._new_runner(contract, settings)
            before = self._current.get(entity["id"])
            if before is not None and before.runner is runner and before.plain == entity["config"] and (
                    before.default_ms == settings["timeout"]):
                self._staged[entity["id"]] = before
                continue
            changed[entity["name"]] = None
            self._staged[entity["id"]] = self._configure(runner, entity["config"], settings["timeout"])
        gone = {one.runner.contract.name for id, one in self._current.items() if id not in self._staged}
        self._to_tell = changed | dict.fromkeys(gone)
        return {id: (one.handle, one.phases, one.body_limit(settings["body"]), one.secret_args) for id, one in self._staged.items()}

    def _make_shared(self) -> None:
        from fastgate.sdk import Store
        from fastgate.sdk.metrics import Registry
        from fastgate.telemetry.metrics import METRICS

        self._store = Store()
        self._metrics = Registry({metric.name for metric in METRICS})

    async def _new_runner(self, contract: Any, settings: dict) -> "Runner":
        from fastgate.control.python_runner import Runner

        runner = Runner(contract, self._store, asyncio.get_running_loop(), settings, self._metrics, self._redis.staged)
        await runner.init()
        if contract.name in self._runners:
            self._replaced[contract.name] = self._runners[contract.name]
        self._runners[contract.name] = runner
        self._new_runners.append(runner)
        return runner

    def _configure(self, runner: "Runner", plain: dict, timeout_ms: int) -> "Configured":
        from fastgate.control.python_runner import Configured
        from fastgate.plugins.raised import raised

        try:
            configured = Configured(self._next_handle, runner, plain, timeout_ms)
        except BaseException as error:      # its __post_init__ took the same when the file was checked
            raise PluginFailed(f"the plugin {runner.contract.name}: making its Config "
                               f"{raised(error, runner.contract.plugin_class)}") from error
        self._handles[configured.handle] = configured
        self._next_handle += 1
        return configured

    async def tell(self) -> None:
        """Calls `configure`, last of all before the change is published: until then requests come with what was told before.
        Raises PluginFailed; `abandon` is due then."""
        await self._tell(self._to_tell)

    async def _tell(self, names: dict[str, None]) -> None:
        for name in names:
            runner = self._runners.get(name)
            if runner is None:
                continue                    # the gateway ended meanwhile
            self._told.append(runner)
            await runner.configure([one.config for one in self._staged.values() if one.runner is runner])

    def settle(self, number: int) -> None:
        """The staged configurations are published, with the snapshot of this number."""
        self._current, self._staged = self._staged, {}
        self._redis.settle()
        for runner in self._runners.values():
            runner.apply(self._staged_settings, self._redis.current)
        if self._metrics is not None:
            self._metrics.most_series = self._staged_settings["metric_series"]
        for name, old in self._replaced.items():
            log.info("the plugin %s: version %s follows %s", name, self._runners[name].contract.version, old.contract.version)
        self._old += self._replaced.values()
        self._new_runners, self._replaced, self._told = [], {}, []
        self._number = number
        self._published[number] = list(self._current.values())
        discovery = sys.modules.get("fastgate.plugins.discovery")
        if discovery is not None:
            discovery.settle({one.runner.contract for one in self._current.values()})
        if self._reads_fd is None and self._gateway.python_queue is not None:
            self._reads_fd = self._gateway.python_queue.fileno()
            asyncio.get_running_loop().add_reader(self._reads_fd, self._take)

    async def abandon(self) -> None:
        """The change is refused: what runs is told of its old configurations again."""
        told = [runner for runner in self._told if runner not in self._new_runners]
        self._staged = dict(self._current)
        for runner in self._new_runners:
            self._runners.pop(runner.contract.name, None)       # gone if the gateway ended meanwhile
        self._runners |= self._replaced
        await self._end(self._new_runners)
        try:
            await self._tell({runner.contract.name: None for runner in told})
        except PluginFailed as error:
            log.error("%s", error)
        self._handles = {one.handle: one for one in self._handles.values() if one.runner not in self._new_runners}
        await self._redis.abandon()
        self._staged, self._new_runners, self._replaced, self._told = {}, [], {}, []

    def let_go(self, retired: list[int]) -> "Awaitable[None]":
        """Only these snapshots and the current one are in use, and no change is under way. Closes what only others needed:
        to be awaited, another change may be under way then."""
        if self._reads_fd is not None:
            self._take()                    # log calls of requests that just ended
        in_use = {*retired, self._number}
        self._published = {number: made for number, made in self._published.items() if number in in_use}
        before, self._handles = self._handles, {one.handle: one for made in self._published.values() for one in made}
        for handle in before.keys() - self._handles.keys():
            before[handle].forget()
        used = {one.runner for one in self._handles.values()}
        gone = [runner for runner in [*self._runners.values(), *self._old] if runner not in used]
        self._runners = {name: runner for name, runner in self._runners.items() if runner in used}
        self._old = [runner for runner in self._old if runner in used]
        self._begin_end(gone)               # now: from here on it is in `_ends` alone that they are counted, and closed
        return self._let_end(gone, self._redis.take_old() if not retired else [])

    async def close(self) -> None:
        """The reactors have ended."""
        if self._reads_fd is not None:
            asyncio.get_running_loop().remove_reader(self._reads_fd)
            self._take()                    # the last log calls
            self._reads_fd = None
        runners = [*self._runners.values(), *self._replaced.values(), *self._old, *self._ends]
        self._runners.clear()
        self._replaced.clear()
        self._old.clear()
        await self._end(runners)
        self.unload()
        await self._redis.close()

    async def _let_end(self, runners: "list[Runner]", clients: "list[SharedRedis]") -> None:
        await self._end([runner for runner in runners if runner in self._ends])     # `close` may have been first
        for client in clients:
            await client.release()

    async def _end(self, runners: "list[Runner]") -> None:
        """Closes all at once: the slowest says how long it takes. One that is being closed is waited for. Their modules
        are `unload`'s."""
        ends = self._begin_end(runners)
        if ends:
            await asyncio.wait(ends)
        for runner, end in zip(runners, ends):
            if self._ends.pop(runner, None) is None:
                continue
            self._past.setdefault(runner.contract.name, Counter()).update(runner.figures())
            if not end.cancelled() and end.exception() is not None:
                log.error("closing the plugin %s failed", runner.contract.name, exc_info=end.exception())

    def _begin_end(self, runners: "list[Runner]") -> "list[asyncio.Task[None]]":
        for runner in runners:
            if runner not in self._ends:
                self._ends[runner] = asyncio.create_task(runner.close())
        return [self._ends[runner] for runner in runners]

    def unload(self) -> None:
        """The modules of the versions that are over, and of those that never came into use. Not while a configuration is
        being read, which loads others in a thread of its own."""
        discovery = sys.modules.get("fastgate.plugins.discovery")       # not there: no configuration has named such a plugin
        if discovery is not None and discovery.unload(
                runner.contract for runner in [*self._runners.values(), *self._replaced.values(), *self._old, *self._ends]):
            self._has_unloaded = True

    def take_unloaded(self) -> bool:
        """Whether versions have been unloaded since it was asked last: their modules are cycles, for the collector."""
        has_unloaded, self._has_unloaded = self._has_unloaded, False
        return has_unloaded

    def _take(self) -> None:
        for call in self._gateway.take_python_calls():
            configured = self._handles.get(call.handle)
            if configured is not None:
                configured.runner.begin(call, configured)
            elif call.is_log:
                call.end()
            else:
                call.refuse(500, b"", None)     # its exchange is gone: its snapshot is no longer in use

    def describe(self) -> dict[str, dict[str, Any]]:
        """For `/status`: what runs, by name. `leaving`: older versions that requests still use."""
        if self._store is None:
            return {}
        from fastgate.plugins import discovery

        leaving = Counter(runner.contract.name for runner in self._old)
        return {name: {"version": one.contract.version, "origin": one.origin, "signed_by": one.signer,
                       "leaving": leaving[name]} for name, one in discovery.running().items()}

    def figures(self) -> dict[str, dict[str, int]]:
        """By plugin's name: what the reactors and the runners counted."""
        if self._gateway.python_queue is None:
            return {}
        queue = self._gateway.python_queue.figures()        # what is refused is refused there, or here
        counted = {name: Counter(past) for name, past in self._past.items()}
        for runner in [*self._runners.values(), *self._old, *self._ends]:
            counted.setdefault(runner.contract.name, Counter()).update(runner.figures())
        for name in self._runners:
            counted[name].update(queue.get(name, {}))
        return {name: dict(counted[name]) for name in self._runners}

    def families(self) -> list[Any]:
        """What the plugins themselves count and measure: sdk.metrics.Family."""
        return [] if self._metrics is None else self._metrics.families()

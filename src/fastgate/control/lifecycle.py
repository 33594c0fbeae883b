"""A gateway's life on the control loop: start everything, serve until told to stop, drain, end.

All here runs on the main thread's event loop; the reactors, each in a thread of its own, run the
data plane without the GIL and are only told things.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING

from fastgate._version import __version__
from fastgate.control import crash, drain, signals
from fastgate.control.applications import ApplicationFailed, Applications
from fastgate.control.background import Background
from fastgate.control.bans import BanCommands
from fastgate.control.control_socket import ControlSocket
from fastgate.control.data_plane import JOIN_S, DataPlane, StartError, wall_clock_offset_ns
from fastgate.control.instance_lock import InstanceLock
from fastgate.control.memory import MemoryBudget
from fastgate.control.names import Names
from fastgate.control.published import Published, applications_of
from fastgate.control.python_plugins import PluginFailed, PythonPlugins
from fastgate.control.reload import Reloader
from fastgate.control.resources import forget_garbage, give_memory_back
from fastgate.control.source import Identity, Source
from fastgate.control.systemd import Notifier
from fastgate.telemetry import error_log
from fastgate.telemetry.wording import counted

if TYPE_CHECKING:
    from fastgate.config import Model
    from fastgate.telemetry.status_listener import StatusListener

FULL_TICK_S = 0.1          # while memory is more than half full
TICK_S = 1.0                # wall clock and watchdog
COLLECT_FIRST_S = 0.05      # the first look for snapshots no request uses any more
COLLECT_LAST_S = 5.0        # the looks get rarer: a long answer may hold one for hours
FLUSH_S = 5.0               # for what the access log still holds at the end

log = logging.getLogger("fastgate.control")


class Lifecycle:
    """Owner: `run.run_gateway`. `state` is "starting", "ready", "draining" or "ended"."""

    def __init__(self, source: Source, unpublished: "list[Model]", environ: MutableMapping[str, str],
                 plane: DataPlane, lock: InstanceLock, read_as: Identity | None = None) -> None:
        """plane: open, and serving already unless the loop comes first (names to resolve, plugins in Python, ASGI
        applications, a background part): then `unpublished` holds the model, and is emptied. lock: taken.
        read_as: the source's file when it was read."""
        self.state = "starting"
        self.plane = plane
        self.gateway = plane.gateway
        self._unpublished = unpublished
        self._source = source
        self._read_as = read_as
        self._began = time.monotonic()
        self._notifier = Notifier(environ)
        self._status: "StatusListener | None" = None
        self._tasks: set[asyncio.Task] = set()
        self._collector: asyncio.Task | None = None
        self._pause_s = COLLECT_FIRST_S
        self._has_published = False         # since memory was given back last
        self._bans = BanCommands(self.gateway.bans, self._on_lift)
        self._stop = asyncio.Event()
        self._quit = asyncio.Event()
        self._lock_path = lock.path
        self._control = ControlSocket(lock.path, {
            "reload": self._command_reload, "stop": self._command_stop, "info": self._command_info,
            "bans list": self._bans.list, "bans add": self._bans.add, "bans lift": self._bans.lift}, lock)

    async def run(self, on_ready: "Callable[[Lifecycle], Awaitable[None] | None]" = lambda _: None) -> int:
        """Serves until a signal or a command ends it; the process's exit code."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_log_unhandled)
        try:
            await self._start(loop)
            ready = on_ready(self)
            if ready is not None:
                await ready
            await self._stop.wait()
            return await self._end()
        finally:
            self._release()
            signals.remove(loop)

    async def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        signals.install(loop, self.stop, self._reload_soon, self._reopen_logs)
        self.python = PythonPlugins(self.gateway)
        self.applications = Applications(self.gateway, self._lock_path)
        self.background = Background(self.gateway)
        self.names = Names(self.gateway, self.plane.settings["resolver"])
        self.memory = MemoryBudget(self.gateway)
        if self._unpublished:
            try:
                await self._publish_first()
            except BaseException:
                await self.python.close()
                await self.applications.close()
                await self.background.close()
                raise
        published = self.plane.published
        self.reloader = Reloader(self.gateway, self.names, self._source.load, published, self._on_published,
                                 self.python, self.applications, self.background)
        await self._open_status()
        await self._control.open()
        self._supervise("tick", self._tick())
        if self.plane.settings["watch"]:
            self._start_watch()
        forget_garbage()
        await self._begin_budget(published.gateway["memory_budget"])
        self.state = "ready"
        self._announce()
        log.info("fastgate %s ready: %s, %s, snapshot %d: %s, %s", __version__,
                 ", ".join(listener.address for listener in self.plane.listeners),
                 counted(self.plane.workers, "reactors"), published.number,
                 counted(published.services, "services"), counted(published.routes, "routes"))

    async def _publish_first(self) -> None:
        await self.names.prepare(self._unpublished[0])
        if applications_of(self._unpublished[0]):
            self._notifier.extend_timeout(self.plane.settings["asgi"]["startup_timeout"] / 1000 + JOIN_S)
        try:
            configured = await self.python.prepare(self._unpublished[0])
            await self.applications.prepare(self._unpublished[0])
            await self.background.prepare(self._unpublished[0])
            await self.python.tell()
        except (PluginFailed, ApplicationFailed) as error:
            raise StartError(str(error)) from None
        model = self._unpublished.pop()
        self.plane.start(model, configured)
        self.names.settle()
        self.python.settle(self.plane.published.number)
        self.applications.settle(model.gateway["asgi"])
        self.background.follow(model)

    async def _begin_budget(self, budget: int | None) -> None:
        problem = self.memory.start(budget)
        if problem:
            await self.background.close()
            await self.python.close()
            await self.applications.close()
            raise StartError(problem)

    async def _open_status(self) -> None:
        if self.plane.status_listener is None:
            return
        from fastgate.telemetry.source import StatusSource
        from fastgate.telemetry.status_listener import StatusListener

        access_log = self.gateway.access_log
        self._status = StatusListener(StatusSource(
            counters=self.gateway.counters, series=self.gateway.series, snapshot=self.gateway.snapshot_info,
            limits=self.gateway.limits, memory=self.gateway.memory, active=self.gateway.active, reactors=self.plane.workers, not_ready=self._not_ready,
            configuration_hash=lambda: self.reloader.published.hash, reloads=self.reloader.figures,
            access_log=access_log.stats if access_log is not None else lambda: None, resolver=self.names.figures, python=self.python.figures,
            applications=self.applications.figures, background=self.background.figures, plugins=self.python.describe,
            plugin_metrics=self.python.families))
        await self._status.open(self.plane.status_listener.sockets[0])

    def _not_ready(self) -> str:
        if self.state != "ready":
            return f"the gateway is {self.state}"
        published = self.reloader.published
        # Kong's rule: nothing to serve is not ready.
        return "" if published.services or published.routes else "the configuration is empty: it has no services, no routes"

    def _start_watch(self) -> None:
        from fastgate.control.watch import Watch

        self._supervise("watch", Watch(self._source.path, self._reload,
                                       folder=lambda: self.reloader.published.gateway["plugin_path"],
                                       read_as=self._read_as).run())

    def stop(self) -> None:
        """The first call begins the drain, the second one cuts it short."""
        if self._stop.is_set():
            self._quit.set()
        self._stop.set()

    async def _end(self) -> int:
        self.state = "draining"
        drain_s = self.reloader.published.gateway["timeouts"]["drain"] / 1000
        self._notifier.stopping("draining")
        self._notifier.extend_timeout(drain_s + JOIN_S + self.applications.shutdown_s)
        for listener in self.plane.listeners:
            if listener.is_unix:
                listener.shut()     # what is queued can still be taken; a TCP socket's reactor shuts it once it is empty
        self.gateway.stop_accepting()
        log.info("draining: %s open, up to %g s", counted(self.gateway.active(), "connections"), drain_s)
        await drain.wait_until_taken(self.gateway.is_accepting, self._quit)
        left = await drain.wait_until_idle(self.gateway.active, drain_s, self._quit, self._report_drain)
        if left:
            log.warning("%s cut: %s", counted(left, "connections"),
                        "told to quit" if self._quit.is_set() else f"not finished within {drain_s:g} s")
        await self.reloader.close()
        self.plane.stop()
        if self.gateway.access_log is not None and not self.gateway.access_log.close(FLUSH_S):
            log.warning("the access log could not be written to its end within %g s", FLUSH_S)
        for part in (self.python, self.applications, self.background, self.names):
            try:
                await part.close()
            except Exception:               # a defect of ours keeps the others from nothing
                log.exception("the end of %s", type(part).__name__)
        self.state = "ended"
        if self._status is not None:
            await self._status.close()
        self.gateway.collect()
        log.info("ended")
        return 1 if self._quit.is_set() and left else 0

    def _release(self) -> None:
        """After a start that failed, too: ends what outlives the loop otherwise."""
        for task in self._tasks:
            task.cancel()
        self._control.close()
        self._notifier.close()

    # Things that happen while it runs.

    async def _tick(self) -> None:
        interval_s = min(TICK_S, self._notifier.watchdog_s or TICK_S)
        while True:
            try:
                self.gateway.set_wall_clock(wall_clock_offset_ns())
                self.memory.look()
                self._notifier.watchdog()
                if self.gateway.remaining():    # an upstream's addresses have changed
                    self._collect_soon()
            except MemoryError:     # the data path goes on: that is no reason to end it
                pass
            await asyncio.sleep(FULL_TICK_S if self.memory.is_filling else interval_s)

    def _on_published(self, published: Published) -> list[str]:
        """Applies what the snapshot does not; warnings."""
        self.gateway.set_connection_limit(published.gateway["limits"]["connections"])
        problem = self.memory.follow(published.gateway["memory_budget"])
        error_log.set_level(published.gateway["log_level"])
        self._pause_s = COLLECT_FIRST_S
        self._has_published = True
        self._collect_soon()
        return [f"{problem}; what held before goes on"] if problem else []

    def _collect_soon(self) -> None:
        if self._collector is None or self._collector.done():
            self._pause_s = COLLECT_FIRST_S
            self._collector = self._supervise("collect", self._collect())

    async def _collect(self) -> None:
        """After one reload, or several in quick succession, or another change of what the reactors use."""
        is_done = False
        while not is_done:
            await asyncio.sleep(self._pause_s)
            self._pause_s = min(self._pause_s * 2, COLLECT_LAST_S)
            is_done = await self.reloader.forget()
            if self.python.take_unloaded() or self._has_published:
                give_memory_back()
            self._has_published = False

    async def _reload(self) -> dict:
        self._notifier.reloading()
        result = await self.reloader.reload()
        self._announce()
        return result.as_dict()

    def _reload_soon(self) -> None:
        if self.state == "ready":
            self._supervise("reload", self._reload())

    def _reopen_logs(self) -> None:
        if self.gateway.access_log is not None:
            self.gateway.access_log.reopen()
            log.info("reopening the access log")

    def _announce(self) -> None:
        self._notifier.ready(f"{self.state}: snapshot {self.reloader.published.number}, "
                             f"{counted(self.reloader.published.routes, 'routes')}")

    def _on_lift(self, address: str) -> None:
        exchange = self.background.part("bans")
        if exchange is not None:
            exchange.forget(address)

    def _report_drain(self, left: int) -> None:
        text = f"draining: {counted(left, 'connections')} open"
        self._notifier.status(text)
        log.info("%s", text)

    # Commands of the control socket.

    async def _command_reload(self) -> dict:
        if self.state != "ready":
            return {"ok": False, "errors": [f"the gateway is {self.state}"], "warnings": []}
        return await self._reload()

    async def _command_stop(self) -> dict:
        active = self.gateway.active()
        self._stop.set()        # said twice, it doesn't quit: who says it waits for the end
        return {"ok": True, "errors": [], "warnings": [], "pid": os.getpid(), "active": active}

    async def _command_info(self) -> dict:
        return {"ok": True, "errors": [], "warnings": [], "pid": os.getpid(), "version": __version__,
                "state": self.state, "config": os.path.realpath(self._source.path),
                "listeners": [listener.address for listener in self.plane.listeners],
                "status_listener": self.plane.status_listener.address if self.plane.status_listener else "off",
                "snapshot": self.gateway.snapshot_info(), "uptime_s": round(time.monotonic() - self._began, 3),
                "reloads": self.reloader.figures(), "last_errors": self.reloader.last_errors}

    def _supervise(self, name: str, coroutine: Awaitable) -> asyncio.Task:
        """A task whose failure is the gateway's: without the clock or the watch it would run on half blind."""
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._task_ended(name, done))
        return task

    def _task_ended(self, name: str, task: asyncio.Task) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            crash.die(f"the control task {name} raised {error!r}", error)


def _log_unhandled(loop: asyncio.AbstractEventLoop, context: dict) -> None:
    error = context.get("exception")
    log.error("unhandled in the control loop: %s", context.get("message"),
              exc_info=(type(error), error, error.__traceback__) if error else None)

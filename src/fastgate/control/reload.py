"""A new configuration while requests run, all or nothing: the file is loaded and compiled whole and
published at once, or nothing changes and everything that is wrong with it is said.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgate.aside import aside
from fastgate.control.applications import ApplicationFailed, Applications
from fastgate.control.background import Background
from fastgate.control.names import Names
from fastgate.control.python_plugins import PluginFailed, PythonPlugins
from fastgate.control.published import Published, publish
from fastgate.control.source import model_warnings
from fastgate.control.tasks import end_all
from fastgate.telemetry.wording import counted

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model

# Settings the running reactors, sockets and writers were built with; all others are the snapshot's.
RESTART_ONLY = ("proxy_listen", "status_listen", "workers", "control_socket", "access_log",
                "limits.token_cache", "limits.rate_limit_keys", "limits.visitors", "resolver", "watch", "python.threads")

ENDING = ["the gateway is ending"]

log = logging.getLogger("fastgate.control")


class ReloadResult(NamedTuple):
    """What a reload came to. As JSON it is the control socket's answer."""

    ok: bool
    errors: list[str]       # "file:line: path: message" each; the old one goes on
    warnings: list[str]
    number: int             # of the snapshot now running
    services: int
    routes: int
    took_ms: int = 0

    def as_dict(self) -> dict:
        return self._asdict()


class Reloader:
    """Owner: the lifecycle. Reloads one after the other, however they are asked for."""

    def __init__(self, gateway: "Gateway", names: Names, load: "Callable[[], Model]", published: Published,
                 on_published: Callable[[Published], list[str]], python: PythonPlugins,
                 applications: Applications, background: Background) -> None:
        self.published = published
        self.succeeded = 0
        self.failed = 0
        self.last_errors: list[str] = []        # of the last reload; empty when it succeeded
        self.last_success_s = time.time()       # wall clock; the start counts
        self._started_with = published.gateway
        self._gateway = gateway
        self._names = names
        self._python = python
        self._applications = applications
        self._background = background
        self._load = load
        self._on_published = on_published
        self._turn = asyncio.Lock()
        self._under_way: asyncio.Future[ReloadResult] | None = None
        self._is_over = False

    async def reload(self) -> ReloadResult:
        async with self._turn:
            if self._is_over:
                return self._refused(ENDING)
            begin = time.monotonic()
            self._under_way = asyncio.ensure_future(self._reload())
            try:
                await asyncio.wait([self._under_way])
            except asyncio.CancelledError:
                self._under_way.cancel()
                raise
            if self._under_way.cancelled():
                return self._refused(ENDING)
            result = self._under_way.result()
            result = result._replace(took_ms=round((time.monotonic() - begin) * 1000))
            self._remember(result)
            return result

    async def close(self) -> None:
        """The gateway ends: no reload begins any more, and one that is under way is cut off. What it has made by then
        is its owners' to close."""
        self._is_over = True
        if self._under_way is not None:
            await end_all([self._under_way])

    async def forget(self) -> bool:
        """Frees the snapshots that no request uses any more, and closes what only they needed: plugins, and applications
        once no old snapshot is left. Whether it was all.
        """
        async with self._turn:          # a reload that is under way may have chosen one of them
            left = self._gateway.collect()
            closing = self._python.let_go(self._gateway.retired())
            if not left:
                await self._applications.forget()
        await closing
        async with self._turn:          # the thread that reads a configuration may be loading plugins meanwhile
            self._python.unload()
        return not self._gateway.remaining()        # a reload meanwhile leaves another

    def figures(self) -> dict[str, Any]:
        """For `/status` and `/metrics`. `last_success_s`: Unix time; the start counts. `last_errors`: of the last one."""
        return {"succeeded": self.succeeded, "failed": self.failed, "last_success_s": self.last_success_s,
                "last_errors": self.last_errors}

    async def _reload(self) -> ReloadResult:
        from fastgate._core.bridge.errors import SnapshotError
        from fastgate.config import ConfigErrors

        try:
            # The control plane answers while a large file is parsed.
            model = await aside("reload", self._load)
            await self._names.prepare(model)
            configured = await self._python.prepare(model)
            await self._applications.prepare(model)
            await self._background.prepare(model)
            await self._python.tell()
            published = publish(self._gateway, model, configured)
            self._python.settle(published.number)
            self._applications.settle(published.gateway["asgi"])
        except ConfigErrors as errors:
            return self._refused(str(errors).splitlines())
        except (SnapshotError, PluginFailed, ApplicationFailed) as error:
            await self._abandon()
            return self._refused(str(error).splitlines())
        except Exception as error:      # a defect of ours, or no memory: the old one goes on all the same
            log.exception("reload failed")
            await self._abandon()
            return self._refused([f"internal error: {error!r}"])
        finally:
            self._names.settle()
            self._python.unload()
        self.published = published
        self._background.follow(model)
        warnings = model_warnings(model) + self._on_published(published)
        return self._result(True, warnings=warnings + restart_warnings(self._started_with, model.gateway))

    async def _abandon(self) -> None:
        await self._python.abandon()
        await self._applications.abandon()
        self._background.abandon()

    def _refused(self, errors: list[str]) -> ReloadResult:
        return self._result(False, errors=errors)

    def _result(self, ok: bool, errors: list[str] | None = None, warnings: list[str] | None = None) -> ReloadResult:
        running = self.published
        return ReloadResult(ok, errors or [], warnings or [], running.number, running.services, running.routes)

    def _remember(self, result: ReloadResult) -> None:
        self.last_errors = result.errors
        for warning in result.warnings:
            log.warning("reload: %s", warning)
        if result.ok:
            self.succeeded += 1
            self.last_success_s = time.time()
            log.info("reload: snapshot %d published: %s, %s, in %d ms", result.number,
                     counted(result.services, "services"), counted(result.routes, "routes"), result.took_ms)
        else:
            self.failed += 1
            log.error("reload: refused, snapshot %d goes on; %s:", result.number, counted(len(result.errors), "errors"))
            for error in result.errors:
                log.error("reload: %s", error)


def restart_warnings(old: dict, new: dict) -> list[str]:
    """One for each setting that is no longer what the process was started with, and that only a restart applies."""
    def value(gateway: dict, name: str) -> object:
        for part in name.split("."):
            gateway = gateway[part]
        return gateway

    return [f"gateway.{name} has changed: a restart applies it" for name in RESTART_ONLY
            if value(old, name) != value(new, name)]

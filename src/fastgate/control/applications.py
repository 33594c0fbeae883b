"""The ASGI applications that a configuration's services are: started, kept over reloads, ended.

Light: uvicorn is imported when a configuration names an application.
"""

import asyncio
import logging
import os
from hashlib import sha256
from importlib import import_module
from typing import TYPE_CHECKING

from fastgate.aside import aside
from fastgate.config.addresses import LONGEST_UNIX_PATH, UNIX
from fastgate.config.applications import ASGI
from fastgate.control.published import applications_of
from fastgate.control.signals import block_in_this_thread

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.asgi.server import ApplicationServer
    from fastgate.config import Model

GRACE_S = 2.0               # beyond its shutdown_timeout, for an application to end when it is cut off

log = logging.getLogger("fastgate.control")


class ApplicationFailed(Exception):
    """An application did not start. The message says which, and why."""


class Applications:
    """Owner: the lifecycle. A change is `prepare`, then publish, then `settle` or, refused, `abandon`."""

    def __init__(self, gateway: "Gateway", lock_path: str) -> None:
        """lock_path: the instance lock's. It is held: the folder of sockets that follows from it is nobody else's."""
        self._gateway = gateway
        digest = sha256(lock_path.encode("utf-8", "surrogateescape")).hexdigest()
        self._folder = os.path.join(os.path.dirname(lock_path) or ".", f"asgi-{digest[:12]}")
        self._has_folder = False
        self._count = 0
        self._current: dict[str, ApplicationServer] = {}    # by "package.module:app"
        self._staged: dict[str, ApplicationServer] = {}
        self._old: list[ApplicationServer] = []             # those that older snapshots may use
        self._settings: dict = {}

    async def prepare(self, model: "Model") -> None:
        """Starts what the model needs and is not running. Raises ApplicationFailed; `abandon` is due then."""
        settings = model.gateway["asgi"]
        self._settings = self._settings or settings
        names = applications_of(model)
        self._staged = {name: self._current[name] for name in names
                        if name in self._current and self._current[name].is_serving}
        missing = [name for name in names if name not in self._staged]
        if missing:
            # In a thread: importing uvicorn takes the time of many requests.
            await aside("import", import_module, "fastgate.asgi.server")
        fresh = [self._new_server(name, settings) for name in missing]
        self._staged |= {server.name: server for server in fresh}
        if fresh:
            await self._start(fresh, settings)
        for name, server in self._staged.items():
            self._gateway.set_addresses(ASGI + name, 0, [UNIX + server.path])

    def _new_server(self, name: str, settings: dict) -> "ApplicationServer":
        from fastgate.asgi.server import ApplicationServer

        if not self._has_folder:
            self._make_folder()
        self._count += 1
        return ApplicationServer(name, os.path.join(self._folder, str(self._count)), settings, block_in_this_thread)

    def _make_folder(self) -> None:
        if len(os.fsencode(self._folder)) > LONGEST_UNIX_PATH - 8:
            raise ApplicationFailed(f"{self._folder}: too long a path for the sockets of ASGI applications; "
                                    "gateway.control_socket sets the folder it is in")
        import shutil

        try:
            if os.path.lexists(self._folder):
                shutil.rmtree(self._folder)         # of a gateway that crashed: its lock is ours
            os.mkdir(self._folder, 0o700)
        except OSError as error:
            raise ApplicationFailed(f"cannot make {self._folder}, for the sockets of ASGI applications: "
                                    f"{error.strerror}") from None
        self._has_folder = True

    async def _start(self, servers: "list[ApplicationServer]", settings: dict) -> None:
        for server in servers:
            server.start()
        timeout_s = settings["startup_timeout"] / 1000
        await asyncio.wait([asyncio.wrap_future(server.started) for server in servers], timeout=timeout_s)
        wrong = []
        for server in servers:
            if not server.started.done():
                wrong.append(f"{ASGI}{server.name}: not started within {timeout_s:g} s (gateway.asgi.startup_timeout)")
            elif problem := server.started.result():
                wrong.append(f"{ASGI}{server.name}: {problem}")
        if wrong:
            raise ApplicationFailed("\n".join(wrong))

    def settle(self, settings: dict) -> None:
        """What is staged is published. settings: `gateway.asgi`."""
        self._old += [server for name, server in self._current.items() if self._staged.get(name) is not server]
        self._current, self._staged = self._staged, {}
        self._settings = settings
        for server in self._current.values():
            server.apply(settings)

    async def abandon(self) -> None:
        """The change is refused: what it started ends."""
        fresh = [server for name, server in self._staged.items() if self._current.get(name) is not server]
        self._staged = {}
        await self._end(fresh)

    async def forget(self) -> None:
        """No snapshot but the current one is in use any more: applications that only the others had end."""
        old, self._old = self._old, []
        await self._end(old)

    async def close(self) -> None:
        """The reactors have ended."""
        await self._end([*self._old, *self._current.values(), *self._staged.values()])
        self._old, self._current, self._staged = [], {}, {}
        if self._has_folder:
            import shutil

            shutil.rmtree(self._folder, ignore_errors=True)
            self._has_folder = False

    @property
    def shutdown_s(self) -> float:
        """What an application's end may take: its background tasks have one timeout, its lifespan's end another."""
        return 2 * self._settings.get("shutdown_timeout", 0) / 1000 + GRACE_S

    def figures(self) -> dict[str, dict[str, int]]:
        """By application, for `/metrics`."""
        return {name: server.figures() for name, server in self._current.items()}

    async def _end(self, servers: "list[ApplicationServer]") -> None:
        """All at once: the slowest says how long it takes."""
        for server in servers:
            if server.started.done():
                server.stop()
            else:
                server.give_up()
        for cut, timeout_s in ((False, self.shutdown_s), (True, GRACE_S)):
            left = [server for server in servers if not server.ended.done()]
            if not left:
                return
            for server in left:
                if cut:
                    log.warning("the application %s did not end in time: it is cut off", server.name)
                    server.give_up()
            await asyncio.wait([asyncio.wrap_future(server.ended) for server in left], timeout=timeout_s)
        for server in servers:
            if not server.ended.done():
                log.error("the application %s blocks its thread, which is left behind", server.name)

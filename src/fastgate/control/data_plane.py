"""The reactors and what they need: sockets, gateway object, threads. Knows no event loop.

It starts before the control loop's libraries are even imported, so that the first request is
served as early as it can be; the control plane catches up while requests run.
"""

import logging
import threading
import time
from collections.abc import Callable, MutableMapping
from typing import TYPE_CHECKING

from fastgate.control import crash, signals
from fastgate.control.listeners import Listener, adopt_listener, open_listener, open_listeners
from fastgate.control.published import Published, publish
from fastgate.control.resources import worker_count
from fastgate.control.systemd import take_sockets
from fastgate.telemetry.wording import counted

if TYPE_CHECKING:
    from fastgate.config import Model

JOIN_S = 10.0                       # for reactors to leave their loops, once told
STATUS_SOCKET_NAME = "status"       # FileDescriptorName= of the socket unit

log = logging.getLogger("fastgate.control")


class StartError(Exception):
    """The data plane can't be made. The message says what of the configuration is in the way."""


class DataPlane:
    """Owner: `run.run_gateway`. Raises ListenError and StartError when it can't be made; `close` is due then, too."""

    def __init__(self) -> None:
        self.listeners: list[Listener] = []
        self.status_listener: Listener | None = None
        self.published: Published | None = None
        self._threads: list[threading.Thread] = []
        self._may_end = False

    def open(self, settings: dict, environ: MutableMapping[str, str]) -> None:
        """All sockets and the gateway object, so that whatever is in the way ends the start before it served."""
        from fastgate._core.bridge.gateway import Gateway

        self.settings = settings
        self.workers = worker_count(settings["workers"])
        try:
            self.gateway = Gateway(self.workers, settings)
        except OSError as error:
            place = f"gateway.access_log: {error.filename}: " if error.filename else ""
            raise StartError(f"{place}{error.strerror or error}") from None
        except MemoryError as error:
            raise StartError(f"gateway: {error}") from None
        self.gateway.set_wall_clock(wall_clock_offset_ns())
        self._open_listeners(settings, environ)

    def _open_listeners(self, settings: dict, environ: MutableMapping[str, str]) -> None:
        inherited = take_sockets(environ)
        self.listeners = [adopt_listener(s) for name, s in inherited if name != STATUS_SOCKET_NAME]
        if self.listeners:
            log.info("listening on %s handed over by systemd; gateway.proxy_listen is not used",
                     counted(len(self.listeners), "sockets"))
        else:
            self.listeners = open_listeners(settings["proxy_listen"], self.workers)
        for name, handed_over in inherited:
            if name == STATUS_SOCKET_NAME:
                self.status_listener = adopt_listener(handed_over)
        if self.status_listener is None and settings["status_listen"] != "off":
            self.status_listener = open_listener(settings["status_listen"], 1)
        for listener in self.listeners:
            self.gateway.listen(listener.filenos(), listener.is_shared, listener.port, listener.is_unix)

    def start(self, model: "Model", python: dict | None = None) -> None:
        """Publishes the first snapshot and serves. Raises SnapshotError."""
        self.published = publish(self.gateway, model, python)
        if self.gateway.access_log is not None:
            self._thread("fastgate-access-log", self.gateway.access_log.run)
        for index in range(self.workers):
            name = f"fastgate-reactor-{index}"
            self._threads.append(self._thread(name, lambda index=index: self._reactor_main(index)))

    def _reactor_main(self, index: int) -> None:
        """A frame of Python's own, so that last words name the reactor."""
        self.gateway.run_reactor(index)

    def _thread(self, name: str, main: Callable[[], None]) -> threading.Thread:
        def body() -> None:
            signals.block_in_this_thread()
            main()

        thread = threading.Thread(target=crash.guard(name, body, lambda: self._may_end), name=name, daemon=True)
        thread.start()
        return thread

    def stop(self) -> None:
        """Reactors leave their loops at once, closing what is left; safe to call twice."""
        self._may_end = True
        if not self._threads:
            return
        self.gateway.stop()
        hung = join_threads(self._threads)
        if hung:
            crash.die(f"{', '.join(hung)} did not leave the loop within {JOIN_S:g} s of being told to")
        self._threads.clear()

    def close(self) -> None:
        """Gives back what outlives the process otherwise: socket files."""
        self.stop()
        for listener in (*self.listeners, self.status_listener):
            if listener is not None:
                listener.close()


def join_threads(threads: list) -> list[str]:
    """Waits for the reactor threads, which have been told to stop; the names of those that don't."""
    deadline = time.monotonic() + JOIN_S
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return [thread.name for thread in threads if thread.is_alive()]


def wall_clock_offset_ns() -> int:
    """Wall time minus monotonic time."""
    return time.time_ns() - time.monotonic_ns()

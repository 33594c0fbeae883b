"""One application at work: a thread, an event loop and a uvicorn server of its own, behind a Unix socket.

A thread of its own, so that an application which blocks stalls neither the control loop nor
another application. A socket, so that the reactors reach it as they reach any target: pool,
timeouts, back pressure, WebSocket tunnels and every policy are those of all other services.
"""

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import uvicorn

from .entrance import Entrance
from .find import CALL, find

TICK_S = 1.0                # uvicorn's date header
IDLE_S = 86_400             # connections are the reactors' to close (gateway.keepalive.idle_timeout)

# uvicorn says it of every WebSocket that is refused with a response, as ASGI allows.
NO_NEWS = "ASGI callable returned without completing handshake."

log = logging.getLogger("fastgate.asgi")


def _is_news(record: logging.LogRecord) -> bool:
    return record.msg != NO_NEWS


logging.getLogger("uvicorn.error").addFilter(_is_news)


class ApplicationServer:
    """Owner: `control/applications.py`, on the control thread; all methods are called there.

    `started` and `ended` are set by the application's thread.
    """

    def __init__(self, name: str, path: str, settings: dict, prepare_thread: Callable[[], None]) -> None:
        self.name = name
        self.path = path                            # of its socket
        self.started: Future[str] = Future()        # "", or why it did not start; raises nothing
        self.ended: Future[None] = Future()
        self._is_stopping = False
        self._prepare_thread = prepare_thread
        self._settings = settings
        self._entrance: Entrance | None = None
        self._server: _Server | None = None
        self._thread = threading.Thread(target=self._main, name=f"fastgate-asgi-{name}"[:64], daemon=True)

    def start(self) -> None:
        self._thread.start()

    def apply(self, settings: dict) -> None:
        self._settings = settings
        if self._entrance is not None:
            self._entrance.most = settings["concurrency"]
        if self._server is not None:
            self._server.config.timeout_graceful_shutdown = _seconds(settings)

    def stop(self) -> None:
        """Requests are finished, then background tasks for as long as the settings allow, then the lifespan ends."""
        self._is_stopping = True
        if self._server is not None:
            self._server.stop()

    def give_up(self) -> None:
        """What it waits for is cut off. A thread that is blocked can't be: it is left behind."""
        self._is_stopping = True
        if self._server is not None:
            self._server.cut()

    @property
    def is_serving(self) -> bool:
        return self.started.done() and not self.started.result() and not self.ended.done()

    def figures(self) -> dict[str, int]:
        entrance = self._entrance
        return {"up": int(self.is_serving), "active": entrance.active if entrance else 0,
                "refused": entrance.refused if entrance else 0}

    # On the application's thread.

    def _main(self) -> None:
        self._prepare_thread()
        try:
            problem = self._serve()
        except BaseException as error:      # SystemExit, too: it would end this thread without a word
            problem = _named(error)
            if self.started.done() and not self._is_stopping:
                log.exception("the application %s", self.name)
        finally:
            _unlink_quietly(self.path)
        has_died = self.started.done() and not self._is_stopping
        if not self.started.done():
            self.started.set_result(problem)
        self.ended.set_result(None)         # first: who reads of it may load the configuration again at once
        if has_died:
            log.critical("the application %s has died (%s): its requests are answered with 502 or 503 until the "
                         "configuration is loaded again", self.name, problem)

    def _serve(self) -> str:
        """Until it is told to stop, or did not start; why it ended."""
        application = find(self.name)
        if self.name.endswith(CALL):
            application = application()
        self._entrance = Entrance(application, self._settings["concurrency"])
        config = uvicorn.Config(
            self._entrance, uds=self.path, http="httptools", ws="websockets-sansio", interface="asgi3",
            log_config=None, access_log=False, proxy_headers=False, server_header=False, timeout_keep_alive=IDLE_S,
            timeout_graceful_shutdown=_seconds(self._settings))
        self._server = _Server(config, lambda: self.started.set_result(""))
        if self._is_stopping:
            return "told to stop"
        try:
            self._server.run()
        except (SystemExit, asyncio.CancelledError) as error:
            if not self.started.done():
                return _start_problem(self._entrance, error)
            raise
        return "its loop ended"


class _Pool(ThreadPoolExecutor):
    """asyncio.to_thread's. What runs when the application's loop ends, after its last request, is waited for no longer."""

    def shutdown(self, wait: bool = True, **options: Any) -> None:
        super().shutdown(wait=False, **options)


class _Server(uvicorn.Server):
    """uvicorn's, which wakes once a second instead of ten times, and is told from another thread when to end."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task | None = None
        self._told = asyncio.Event()

    async def serve(self, sockets: list | None = None) -> None:
        self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        self._loop.set_default_executor(_Pool())
        if not self.should_exit:        # told before there was a loop to tell
            await super().serve(sockets)

    async def startup(self, sockets: list | None = None) -> None:
        await super().startup(sockets)
        self._on_started()

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            try:
                await asyncio.wait_for(self._told.wait(), TICK_S)
            except asyncio.TimeoutError:
                pass

    def stop(self) -> None:
        """From another thread."""
        self.should_exit = True
        self._tell(self._told.set)

    def cut(self) -> None:
        """From another thread."""
        self.should_exit = self.force_exit = True
        self._tell(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _tell(self, what: Callable[[], object]) -> None:
        try:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(what)
        except RuntimeError:        # closed: it has ended
            pass


def _seconds(settings: dict) -> int:
    return max(1, settings["shutdown_timeout"] // 1000)


def _start_problem(entrance: Entrance, error: BaseException) -> str:
    if entrance.startup_failure is not None:
        # Starlette gives the whole traceback, which is in the log: its last line says what.
        return f"its startup failed: {entrance.startup_failure.strip().splitlines()[-1]}"
    return f"its startup was cut off ({_named(error)})"


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _unlink_quietly(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass

"""`fastgate run`: from a configuration to an exit code. The only function the CLI needs of this package."""

import logging
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import TYPE_CHECKING

from fastgate.control import crash, ending
from fastgate.control.background import needs_background
from fastgate.control.control_client import socket_path
from fastgate.control.data_plane import DataPlane, StartError
from fastgate.control.host_names import names_of
from fastgate.control.instance_lock import ControlSocketError, InstanceLock
from fastgate.control.listeners import ListenError
from fastgate.control.published import applications_of, has_python
from fastgate.control.resources import raise_descriptor_limit
from fastgate.control.source import Identity, Source, file_identity, model_warnings
from fastgate.telemetry import error_log

if TYPE_CHECKING:
    import asyncio

    from fastgate.config import Model
    from fastgate.control.lifecycle import Lifecycle

EXIT_FAILED = 1

log = logging.getLogger("fastgate.control")


def run_gateway(source: Source, environ: MutableMapping[str, str] = os.environ,
                on_ready: "Callable[[Lifecycle], Awaitable[None] | None]" = lambda lifecycle: None,
                on_end: Callable[[], None] = lambda: None) -> int:
    """Runs a gateway in this process until it is told to stop; the exit code.

    on_ready: called, and awaited if it returns an awaitable, once requests are served.
    on_end: called on the loop when all is over, a start that failed included.
    Everything that stands in the way of a start is printed to standard error.
    """
    from fastgate.config import ConfigErrors

    crash.enable()
    raise_descriptor_limit()
    read_as = file_identity(source.path)
    try:
        model = source.load()
    except ConfigErrors as error:
        print(error, file=sys.stderr)
        return EXIT_FAILED
    error_log.set_up(model.gateway["log_level"], environ)
    for warning in model_warnings(model):
        log.warning("%s", warning)

    from fastgate._core.bridge.errors import SnapshotError

    lock = InstanceLock(socket_path(source.path, model.gateway["control_socket"], environ))
    plane = DataPlane()
    try:
        lock.take()
        plane.open(model.gateway, environ)
        if not (names_of(model) or has_python(model) or applications_of(model) or needs_background(model)):
            plane.start(model)      # requests are served while the control plane is still being imported
            model = None            # large, and the core has its own form of it
        unpublished = [model] if model else []
        del model
        return _run_loop(source, read_as, unpublished, environ, plane, lock, on_ready, on_end)
    except (ControlSocketError, ListenError, SnapshotError, StartError) as error:
        log.critical("%s", error)
        return EXIT_FAILED
    except Exception as error:
        crash.die(f"the control plane raised {error!r}", error)
        raise
    finally:
        plane.close()
        lock.release()


def _run_loop(source: Source, read_as: Identity | None, unpublished: "list[Model]", environ: MutableMapping[str, str],
              plane: DataPlane, lock: InstanceLock, on_ready: "Callable[[Lifecycle], Awaitable[None] | None]",
              on_end: Callable[[], None]) -> int:
    import asyncio

    from fastgate.control.lifecycle import Lifecycle

    loop = new_event_loop()
    lifecycle = Lifecycle(source, unpublished, environ, plane, lock, read_as)

    async def serve() -> int:
        try:
            return await lifecycle.run(on_ready)
        finally:
            on_end()
            await asyncio.sleep(0)      # what was closed just now is told so before the loop ends

    try:
        return loop.run_until_complete(serve())
    finally:
        ending.close(loop)


def new_event_loop() -> "asyncio.AbstractEventLoop":
    """uvloop's, or asyncio's where there is no uvloop (no wheel for the board): told once."""
    try:
        import uvloop
    except ImportError as error:
        import asyncio

        log.info("asyncio's event loop: uvloop cannot be imported (%s); pip install 'fastgate[fast]'", error)
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()

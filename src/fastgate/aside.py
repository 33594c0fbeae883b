"""The gateway's own work that the control loop must not wait for: a file read, a large import, certificates, a name.

Each piece has a thread of its own, not one of the loop's executor: that belongs to the plugins as well, whose threads
may hang. A daemon: one that hangs keeps nobody from ending.
"""

import asyncio
import threading
from collections.abc import Callable
from typing import Any


async def aside(name: str, work: Callable[..., Any], *arguments: Any) -> Any:
    """What `work` returns or raises, in a thread `fastgate-<name>`. Who is cancelled waits no longer; the thread goes on."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()

    def settle(found: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_result((found, error))

    def main() -> None:
        found, error = None, None
        try:
            found = work(*arguments)
        except BaseException as raised:     # a thread that dies would leave the loop waiting
            error = raised
        try:
            loop.call_soon_threadsafe(settle, found, error)
        except RuntimeError:
            pass            # the loop is closed, nobody waits any more

    threading.Thread(target=main, name=f"fastgate-{name}", daemon=True).start()
    found, error = await done
    if error is not None:
        try:
            raise error
        finally:
            del error       # or it and this frame would hold each other
    return found

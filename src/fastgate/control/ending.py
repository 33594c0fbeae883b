"""The last step of `fastgate run`: the process ends though threads of plugins, applications or libraries still run.

Python's own end waits for every thread that is no daemon (asyncio.to_thread's, an application's pool), and the C
library's for libuv's, which may be looking up a name that no server answers. All of the gateway's is closed and written by
then; what hangs would only hold the process until its service manager loses patience. So, where such threads are left:
what is registered for the end runs, the streams are flushed, and the process ends without waiting. Where none is, the end
is Python's own.
"""

import atexit
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

IDLE_S = 0.5                # for threads without work to end: those of an executor that is closed do at once
REGISTERED_S = 5.0          # for what plugins and libraries have registered for the end

log = logging.getLogger("fastgate.control")


def close(loop: "asyncio.AbstractEventLoop") -> None:
    """uvloop's own waits for look-ups under way: not longer than for a thread without work."""
    if not _unknown():
        loop.close()
        return
    closing = threading.Thread(target=loop.close, name="fastgate-loop-close", daemon=True)
    closing.start()
    closing.join(IDLE_S)


def leave(code: int) -> None:
    """Ends the process with this code if threads are left that its end would wait for; returns otherwise."""
    deadline = time.monotonic() + IDLE_S
    while (names := _waited_for()) and time.monotonic() < deadline:
        time.sleep(0.005)
    if names:
        log.warning("not waiting for threads of plugins, applications or libraries that still run: %s", ", ".join(names))
    elif not _unknown():
        return
    # A daemon, since what is registered may wait for those threads. The function has no public name; it is what Python calls.
    last = threading.Thread(target=atexit._run_exitfuncs, name="fastgate-end", daemon=True)
    last.start()
    last.join(REGISTERED_S)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, ValueError):       # none, nobody reads, or closed
            pass
    os._exit(code)


def _waited_for() -> list[str]:
    """The names of threads of Python's that its end waits for: those that are no daemons, and every executor's."""
    module = sys.modules.get("concurrent.futures.thread")
    of_executors = set(getattr(module, "_threads_queues", ()))      # by no public name; what Python's end goes by itself
    return [thread.name for thread in threading.enumerate()
            if thread is not threading.main_thread() and (not thread.daemon or thread in of_executors)]


def _unknown() -> set[int]:
    """Threads that Python has not made: libuv's above all, which never end by themselves, and don't tell whether they hang."""
    known = {thread.native_id for thread in threading.enumerate()}
    try:
        return {int(name) for name in os.listdir("/proc/self/task")} - known
    except OSError:
        return set()

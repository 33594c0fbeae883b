"""Makes a crash loud: whatever dies in a reactor or in the control plane ends the process at once,
with its last words on standard error and exit code 70, for the service manager to start it anew.

Half a gateway (a reactor gone, its connections hanging) is worse than none.
"""

import faulthandler
import os
import traceback
from collections.abc import Callable

EXIT_CRASHED = 70           # EX_SOFTWARE of sysexits.h


def enable() -> None:
    """Prints every thread's Python stack when the process gets a fatal signal (SIGSEGV, SIGBUS …)."""
    try:
        faulthandler.enable(all_threads=True)
    except (OSError, ValueError, RuntimeError):     # no usable standard error: nobody to tell
        pass


def die(what: str, error: BaseException | None = None) -> None:
    """Last words, then the end. No clean-up: what it would clean up is what is broken."""
    lines = [f"fastgate: fatal: {what}; the process ends with exit code {EXIT_CRASHED}\n"]
    if error is not None:
        lines = traceback.format_exception(error) + lines
    # os.write: a logging handler or a buffered stream may hold a lock of the thread that died.
    try:
        os.write(2, "".join(lines).encode("utf-8", "replace"))
    except OSError:
        pass
    os._exit(EXIT_CRASHED)


def guard(name: str, run: Callable[[], None], may_end: Callable[[], bool]) -> Callable[[], None]:
    """A thread's main function which ends the process if `run` raises, or returns before it may."""

    def guarded() -> None:
        try:
            run()
        except BaseException as error:
            die(f"thread {name} raised {error!r}", error)
        if not may_end():
            die(f"thread {name} ended by itself")

    return guarded


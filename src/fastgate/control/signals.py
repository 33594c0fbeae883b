"""Signals: SIGTERM and SIGINT drain (the second one quits), SIGHUP reloads, SIGUSR1 reopens the logs.

They are taken on the main thread by the event loop; the reactors block them, so that none of their
system calls is interrupted.
"""

import signal
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio

HANDLED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1)
BLOCKED_IN_REACTORS = (*HANDLED, signal.SIGUSR2, signal.SIGCHLD, signal.SIGWINCH, signal.SIGALRM)


def install(loop: "asyncio.AbstractEventLoop", on_stop: Callable[[], None], on_reload: Callable[[], None],
            on_reopen: Callable[[], None]) -> None:
    loop.add_signal_handler(signal.SIGTERM, on_stop)
    loop.add_signal_handler(signal.SIGINT, on_stop)
    loop.add_signal_handler(signal.SIGHUP, on_reload)
    loop.add_signal_handler(signal.SIGUSR1, on_reopen)


def remove(loop: "asyncio.AbstractEventLoop") -> None:
    for number in HANDLED:
        loop.remove_signal_handler(number)


def block_in_this_thread() -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED_IN_REACTORS)

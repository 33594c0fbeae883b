"""The middle of the end: accepting has stopped, and what runs may finish, up to a deadline.

Nothing here waits longer than it must: the gateway says how many client connections are left.
"""

import asyncio
import logging
import time
from collections.abc import Callable

TAKEN_S = 5.0               # for the reactors to take what waits in the listeners' queues; one that hangs is told of at its end
FIRST_LOOK_S = 0.002
LOOK_S = 0.02               # how often the connections are counted
REPORT_S = 5.0              # how often progress is logged

log = logging.getLogger("fastgate.control")


async def wait_until_taken(is_accepting: Callable[[], bool], quit_now: asyncio.Event) -> None:
    """Waits until the reactors have left the listeners: what waited in their queues counts as a connection from then on."""
    begin = time.monotonic()
    while is_accepting() and not quit_now.is_set() and time.monotonic() - begin < TAKEN_S:
        await _look_again(quit_now, FIRST_LOOK_S)


async def wait_until_idle(active: Callable[[], int], deadline_s: float, quit_now: asyncio.Event,
                          on_progress: Callable[[int], None]) -> int:
    """Waits until `active()` is 0, the deadline has passed or `quit_now` is set; what is left then."""
    begin = reported = time.monotonic()
    while (left := active()) and not quit_now.is_set():
        now = time.monotonic()
        if now - begin >= deadline_s:
            break
        if now - reported >= REPORT_S:
            reported = now
            on_progress(left)
        await _look_again(quit_now, LOOK_S)
    return left


async def _look_again(quit_now: asyncio.Event, after_s: float) -> None:
    try:
        await asyncio.wait_for(quit_now.wait(), after_s)
    except (asyncio.TimeoutError, TimeoutError):
        pass

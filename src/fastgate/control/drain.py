"""The middle of the end: accepting has stopped, and what runs may finish, up to a deadline.

Nothing here waits longer than it must: the gateway says how many client connections are left.
"""

import asyncio
import logging
import time
from collections.abc import Callable

TAKEN_AFTER_S = 0.05        # by then the reactors have taken what waited in the listeners' queues
LOOK_S = 0.02               # how often the connections are counted
REPORT_S = 5.0              # how often progress is logged

log = logging.getLogger("fastgate.control")


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
        try:
            await asyncio.wait_for(quit_now.wait(), LOOK_S)
        except (asyncio.TimeoutError, TimeoutError):
            pass
    return left

"""The end of tasks on the control loop."""

import asyncio
from collections.abc import Iterable
from typing import Any

AGAIN_S = 0.1


async def end_all(tasks: "Iterable[asyncio.Future[Any]]") -> None:
    """Cancels them until they have ended: a library that is told in the midst of its work may swallow it (before
    CPython 3.12 asyncio.wait_for does), and a task that loops would go on for ever. What they raised is theirs."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_S)

"""Tasks end, whatever stands in the way."""

from __future__ import annotations

import asyncio

from control.python_calls import run_with
from fastgate.control.tasks import end_all


def test_a_task_that_swallows_its_end_once_is_told_again():
    async def talk():
        swallowed = []

        async def loops():
            while True:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    if swallowed:
                        raise
                    swallowed.append(True)

        async def fails():
            try:
                await asyncio.Event().wait()
            finally:
                raise OSError("gone")

        tasks = [asyncio.ensure_future(one()) for one in (loops, fails)]
        await asyncio.sleep(0)
        await end_all(tasks)
        assert swallowed and tasks[0].cancelled() and isinstance(tasks[1].exception(), OSError)
        await end_all(tasks)            # over already
        await end_all([])

    run_with(talk)

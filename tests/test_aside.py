"""Work beside the control loop: what it gives or raises arrives, whatever the loop's executor is busy with."""

import asyncio
import threading

import pytest

from fastgate.aside import aside


def run(talk):
    return asyncio.run(asyncio.wait_for(talk, 60))


def raises(error):
    raise error


def test_what_it_returns_and_where():
    assert run(aside("reading", lambda *given: (threading.current_thread().name, given), 1, 2)) == ("fastgate-reading", (1, 2))


@pytest.mark.parametrize("error, seen", [(OSError("x"), OSError), (SystemExit(3), SystemExit), (StopIteration(), RuntimeError)])
def test_what_it_raises(error, seen):
    async def talk():
        with pytest.raises(seen):
            await aside("raising", raises, error)

    run(talk())


def test_threads_that_hang_in_the_loops_executor_are_nothing_to_it():
    gate = threading.Event()

    async def talk():
        hanging = [asyncio.ensure_future(asyncio.to_thread(gate.wait, 60)) for _ in range(64)]     # more than it has threads
        assert await aside("passing", lambda: 7) == 7
        gate.set()
        await asyncio.gather(*hanging)

    run(talk())


def test_who_is_cancelled_waits_no_longer():
    gate, entered = threading.Event(), threading.Event()

    async def talk():
        task = asyncio.ensure_future(aside("hanging", lambda: (entered.set(), gate.wait(60))))
        while not entered.is_set():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        gate.set()

    run(talk())

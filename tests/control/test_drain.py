"""Waiting for the last connections: until none is left, the deadline, or the order to quit."""

import asyncio
import threading

from fastgate.control.data_plane import join_threads
from fastgate.control.drain import wait_until_idle, wait_until_taken


def wait(counts, deadline_s=10.0, quit_after=None):
    """counts: what `active()` says, one after the other, the last one for ever."""
    asked = []

    async def scenario():
        quit_now = asyncio.Event()

        def active():
            asked.append(counts[min(len(asked), len(counts) - 1)])
            if quit_after is not None and len(asked) > quit_after:
                quit_now.set()
            return asked[-1]

        return await wait_until_idle(active, deadline_s, quit_now, lambda left: None)

    return asyncio.run(scenario()), len(asked)


def test_idle_at_once():
    assert wait([0]) == (0, 1)


def test_until_the_last_is_gone():
    assert wait([3, 2, 1, 0]) == (0, 4)


def test_deadline():
    left, asked = wait([2], deadline_s=0.05)
    assert left == 2 and asked >= 2


def test_told_to_quit():
    left, asked = wait([2], quit_after=2)
    assert left == 2 and asked == 3


def wait_taken(answers, quit_after=None):
    """How often it asked. answers: what `is_accepting()` says, the last one for ever."""
    asked = []

    async def scenario():
        quit_now = asyncio.Event()

        def is_accepting():
            asked.append(answers[min(len(asked), len(answers) - 1)])
            if len(asked) == quit_after:
                quit_now.set()
            return asked[-1]

        await wait_until_taken(is_accepting, quit_now)

    asyncio.run(scenario())
    return len(asked)


def test_until_the_reactors_have_taken_what_waited(monkeypatch):
    assert wait_taken([False]) == 1
    assert wait_taken([True, True, True, False]) == 4
    assert wait_taken([True], quit_after=2) == 2
    monkeypatch.setattr("fastgate.control.drain.TAKEN_S", 0.05)
    assert wait_taken([True]) >= 2          # one that hangs: not for ever


def test_threads_that_hang_are_named(monkeypatch):
    monkeypatch.setattr("fastgate.control.data_plane.JOIN_S", 0.05)
    forever = threading.Event()
    good = threading.Thread(target=lambda: None, name="good")
    hung = threading.Thread(target=forever.wait, name="hung")
    for thread in (good, hung):
        thread.start()
    assert join_threads([good, hung]) == ["hung"]
    forever.set()
    hung.join()

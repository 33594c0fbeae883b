"""Kong's queue: batches, retries, bounds, and what it does at the end."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

import pytest
from fastgate.plugins import queue
from fastgate.plugins.queue import MOST_SENDERS, Queue, QueueConfig
from fastgate.sdk.schema import schema_of

SCHEMA = schema_of(QueueConfig, "queue")


class Server:
    """Takes batches; `gate` holds it up, `fails` so often first."""

    def __init__(self, fails: int = 0, is_open: bool = True) -> None:
        self.batches: list[list[bytes]] = []
        self.at: list[float] = []           # of every try
        self.fails = fails
        self.under_way = self.most_under_way = 0
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()
        if is_open:
            self.gate.set()

    async def send(self, batch: list[bytes]) -> None:
        self.at.append(asyncio.get_running_loop().time())
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        self.asked.set()
        try:
            await self.gate.wait()
        finally:
            self.under_way -= 1
        if self.fails:
            self.fails -= 1
            raise OSError("refused")
        self.batches.append(batch)


class Made:
    def __init__(self, server: Server, **config: object) -> None:
        problems: list = []
        plain = SCHEMA.read(config, problems)
        assert not problems
        self.counts: Counter[str] = Counter()
        self.queue = Queue(SCHEMA.make(plain), server.send, self._count, logging.getLogger("fastgate.plugin.test"))

    def _count(self, result: str, number: int) -> None:
        self.counts[result] += number

    def put(self, *entries: bytes) -> None:
        for entry in entries:
            self.queue.put(entry)


def run(talk):
    asyncio.run(asyncio.wait_for(talk(), 60))


def test_defaults_are_kongs():
    assert SCHEMA.read({}, []) == {
        "max_batch_size": 1, "max_coalescing_delay": 1, "max_entries": 10_000, "max_bytes": None, "max_retry_time": 60,
        "initial_retry_delay": 0.01, "max_retry_delay": 60, "concurrency_limit": 1}


def test_each_entry_goes_by_itself_in_order():
    async def talk():
        server = Server()
        made = Made(server)
        made.put(b"a", b"b", b"c")
        await made.queue.drained()
        assert server.batches == [[b"a"], [b"b"], [b"c"]] and server.most_under_way == 1
        assert made.counts == {"sent": 3} and len(made.queue) == 0
    run(talk)


def test_a_full_batch_goes_at_once_and_the_rest_when_the_delay_is_over():
    async def talk():
        server = Server()
        made = Made(server, max_batch_size=3, max_coalescing_delay=0.05)
        began = asyncio.get_running_loop().time()
        made.put(b"a", b"b", b"c", b"d")
        await made.queue.drained()
        assert server.batches == [[b"a", b"b", b"c"], [b"d"]]
        assert server.at[1] - began >= 0.05
    run(talk)


def test_entries_that_come_within_the_delay_join():
    async def talk():
        server = Server()
        made = Made(server, max_batch_size=3, max_coalescing_delay=3600)
        made.put(b"a")
        await asyncio.sleep(0)
        made.put(b"b")
        await asyncio.sleep(0)
        assert not server.batches
        made.put(b"c")
        await made.queue.drained()
        assert server.batches == [[b"a", b"b", b"c"]]
    run(talk)


def test_a_failed_batch_is_sent_again_ever_later():
    async def talk():
        server = Server(fails=4)
        made = Made(server, initial_retry_delay=0.01, max_retry_delay=0.02)
        made.put(b"a")
        await made.queue.drained()
        assert server.batches == [[b"a"]] and made.counts == {"retried": 4, "sent": 1}
        waits = [later - earlier for earlier, later in zip(server.at, server.at[1:])]
        assert all(wait >= least * 0.9 for wait, least in zip(waits, (0.01, 0.02, 0.02, 0.02)))
    run(talk)


def test_a_batch_is_given_up_after_its_time_and_the_next_goes_on(caplog):
    async def talk():
        server = Server(fails=1)
        made = Made(server, max_retry_time=0)
        made.put(b"a", b"b")
        await made.queue.drained()
        assert server.batches == [[b"b"]] and made.counts == {"given_up": 1, "sent": 1}
    run(talk)
    assert "1 entries of the queue dropped (given up: refused)" in caplog.text


@pytest.mark.parametrize("bound", [{"max_entries": 3}, {"max_bytes": 30}, {}])
def test_the_oldest_goes_when_it_is_full_but_not_what_is_on_its_way(monkeypatch, bound):
    if not bound:
        monkeypatch.setattr(queue, "MOST_BYTES", 30)        # there is a bound in any case

    async def talk():
        server = Server(is_open=False)
        made = Made(server, **bound)
        made.put(b"0" * 10)
        await server.asked.wait()               # the first is on its way
        made.put(*[str(number).encode() * 10 for number in range(1, 6)])
        assert len(made.queue) == 3 and made.counts == {"full": 3}
        server.gate.set()
        await made.queue.drained()
        assert server.batches == [[b"0" * 10], [b"4" * 10], [b"5" * 10]]
        made.put(b"6" * 10)                     # there is room again
        await made.queue.drained()
        assert made.counts == {"full": 3, "sent": 4}
    run(talk)


def test_when_all_are_on_their_way_the_new_one_is_dropped():
    async def talk():
        server = Server(is_open=False)
        made = Made(server, max_entries=1)
        made.put(b"a")
        await server.asked.wait()
        made.put(b"b")
        server.gate.set()
        await made.queue.drained()
        assert server.batches == [[b"a"]] and made.counts == {"full": 1, "sent": 1}
    run(talk)


def test_an_entry_larger_than_all_the_room_pushes_nothing_out():
    async def talk():
        server = Server()
        made = Made(server, max_bytes=5, max_batch_size=9, max_coalescing_delay=3600)
        made.put(b"abc", b"123456")
        assert len(made.queue) == 1 and made.counts == {"too_big": 1}
        await made.queue.close(30)
        assert server.batches == [[b"abc"]]
    run(talk)


def test_without_a_limit_batches_go_side_by_side_to_a_bound():
    async def talk():
        server = Server(is_open=False)
        made = Made(server, concurrency_limit=-1)
        made.put(*[b"x"] * (MOST_SENDERS + 10))
        while server.under_way < MOST_SENDERS:
            await asyncio.sleep(0)
        server.gate.set()
        await made.queue.drained()
        assert server.most_under_way == MOST_SENDERS and made.counts == {"sent": MOST_SENDERS + 10}
    run(talk)


def test_the_end_sends_what_waits_without_delay():
    async def talk():
        server = Server()
        made = Made(server, max_batch_size=10, max_coalescing_delay=3600)
        made.put(b"a", b"b")
        await asyncio.sleep(0)
        await made.queue.close(30)
        assert server.batches == [[b"a", b"b"]] and made.counts == {"sent": 2}
    run(talk)


def test_the_end_does_not_wait_for_a_server_that_is_away(caplog):
    async def talk():
        server = Server(is_open=False)
        made = Made(server)
        made.put(b"a", b"b", b"c")
        await server.asked.wait()
        await made.queue.close(0)
        assert made.counts == {"at_end": 3} and len(made.queue) == 0 and not server.under_way
    run(talk)
    assert "3 entries of the queue dropped (at end)" in caplog.text

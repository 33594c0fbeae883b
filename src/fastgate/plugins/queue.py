"""Kong's queue, for plugins in Python that send what they gather: batches, retries, bounds, the oldest goes first.

In memory: what it holds when the process dies is lost. All of it on the control loop.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Annotated, Literal

from fastgate.sdk import Between

MOST_SENDERS = 64           # what concurrency_limit -1 means
MOST_BYTES = 128 * 1024 * 1024      # without max_bytes
AGAIN_S = 0.1
SAY_EVERY_S = 1.0           # how often it is logged that entries are dropped


class QueueConfig:
    """The `queue` of a plugin's configuration: Kong's fields and defaults. Times in seconds."""

    max_batch_size: Annotated[int, Between(1, 1_000_000)] = 1
    max_coalescing_delay: Annotated[float, Between(0, 3600)] = 1.0
    max_entries: Annotated[int, Between(1, 1_000_000)] = 10_000
    max_bytes: Annotated[int, Between(1, 2**53)] | None = None
    max_retry_time: Annotated[float, Between(0, 1_000_000)] = 60.0
    initial_retry_delay: Annotated[float, Between(0.001, 1_000_000)] = 0.01
    max_retry_delay: Annotated[float, Between(0.001, 1_000_000)] = 60.0
    concurrency_limit: Literal[1, -1] = 1


Send = Callable[[list[bytes]], Awaitable[None]]
Count = Callable[[str, int], None]


class Queue:
    """Entries that wait to be sent, and the tasks that send them.

    send: sends a batch, or raises. count: is told "sent", "retried", "full", "too_big", "given_up" or "at_end",
    and of how many entries.
    """

    def __init__(self, config: QueueConfig, send: Send, count: Count, log: logging.Logger) -> None:
        self.config = config
        self._send = send
        self._count = count
        self._log = log
        self._loop = asyncio.get_running_loop()
        self._entries: deque[tuple[bytes, float]] = deque()     # with the time they came
        self._bytes = 0                                         # of entries waiting or being sent
        self._sending = 0                                       # entries being sent
        self._senders: set[asyncio.Task[None]] = set()
        self._more = asyncio.Event()                            # a batch is full, or there is no more to wait for
        self._is_ending = False
        self._said_at = -SAY_EVERY_S
        self._unsaid = 0

    def __len__(self) -> int:
        """Waiting or being sent."""
        return len(self._entries) + self._sending

    def put(self, entry: bytes) -> None:
        config = self.config
        most = config.max_bytes or MOST_BYTES
        if len(entry) > most:
            self._drop("too_big", 1)
            return
        while len(self) >= config.max_entries or self._bytes + len(entry) > most:
            if not self._entries:               # all are on their way: this is the one there is no room for
                self._drop("full", 1)
                return
            self._bytes -= len(self._entries.popleft()[0])
            self._drop("full", 1)
        self._entries.append((entry, self._loop.time()))
        self._bytes += len(entry)
        if len(self._entries) >= config.max_batch_size:
            self._more.set()
        if len(self._senders) < (1 if config.concurrency_limit == 1 else MOST_SENDERS):
            sender = self._loop.create_task(self._run())
            self._senders.add(sender)
            sender.add_done_callback(self._senders.discard)

    async def drained(self) -> None:
        """Until it holds nothing."""
        while self._senders:
            await asyncio.wait(self._senders)

    async def close(self, within_s: float) -> None:
        """Sends what there is at once; what can't be sent in this time is dropped."""
        self._is_ending = True
        self._more.set()
        if self._senders:
            await asyncio.wait(self._senders, timeout=within_s)
        while self._senders:        # again, too: before CPython 3.12 asyncio.wait_for may swallow it
            for sender in self._senders:
                sender.cancel()
            await asyncio.wait(self._senders, timeout=AGAIN_S)
        if len(self):
            self._drop("at_end", len(self))
            self._entries.clear()
            self._sending = 0

    async def _run(self) -> None:
        while self._entries:
            await self._coalesce()
            batch = self._taken()
            if not batch:
                return
            error = await self._failure(batch)
            self._sending -= len(batch)
            self._bytes -= sum(map(len, batch))
            if error is None:
                self._count("sent", len(batch))
            else:
                self._drop("given_up", len(batch), f": {error}")

    async def _coalesce(self) -> None:
        """Until there is a batch, or the oldest has waited long enough."""
        while not self._is_ending and 0 < len(self._entries) < self.config.max_batch_size:
            left_s = self._entries[0][1] + self.config.max_coalescing_delay - self._loop.time()
            if left_s <= 0:
                return
            self._more.clear()
            try:
                await asyncio.wait_for(self._more.wait(), left_s)
            except asyncio.TimeoutError:
                pass

    def _taken(self) -> list[bytes]:
        count = min(len(self._entries), self.config.max_batch_size)
        self._sending += count
        return [self._entries.popleft()[0] for _ in range(count)]

    async def _failure(self, batch: list[bytes]) -> Exception | None:
        """Sends it, again and again; why it is given up, or None."""
        config = self.config
        give_up_at = self._loop.time() + config.max_retry_time
        delay_s = config.initial_retry_delay
        while True:
            try:
                await self._send(batch)
                return None
            except Exception as error:
                if self._loop.time() + delay_s > give_up_at:
                    return error
            self._count("retried", len(batch))
            await asyncio.sleep(delay_s)
            delay_s = min(delay_s * 2, config.max_retry_delay)

    def _drop(self, why: str, count: int, more: str = "") -> None:
        self._count(why, count)
        self._unsaid += count
        now = self._loop.time()
        if now - self._said_at >= SAY_EVERY_S or why == "at_end":
            self._log.error("%d entries of the queue dropped (%s%s)", self._unsaid, why.replace("_", " "), more)
            self._said_at = now
            self._unsaid = 0

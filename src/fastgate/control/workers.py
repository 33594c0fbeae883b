"""A few threads for what may block. They are daemons: one that hangs keeps neither the loop nor the end waiting."""

import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from fastgate.control import signals


class Workers:
    """Up to `most` threads, started as they are needed. `close` ends those that are idle; safe in any thread."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._free = 0              # threads without a job, less jobs without a thread

    def run(self, job: Callable[[], Any]) -> None:
        """Queues a job, which must not raise."""
        with self._lock:
            self._free -= 1
            needs_thread = self._free < 0 and self._started < self._most
            if needs_thread:
                self._started += 1
                self._free += 1
        self._jobs.put(job)
        if needs_thread:
            threading.Thread(target=self._main, name=f"{self._name}-{self._started}", daemon=True).start()

    def close(self) -> None:
        for _ in range(self._started):
            self._jobs.put(None)

    def _main(self) -> None:
        signals.block_in_this_thread()
        while (job := self._jobs.get()) is not None:
            job()
            del job                 # what it holds lives no longer than it must
            with self._lock:
                self._free += 1

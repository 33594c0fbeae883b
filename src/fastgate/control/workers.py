"""A few threads for what may block. They are daemons: one that hangs keeps neither the loop nor the end waiting."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from fastgate.control import signals

log = logging.getLogger("fastgate.control")


class Workers:
    """Up to `most` threads, started as they are needed. `close` ends those that are idle; safe in any thread."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._jobs: SimpleQueue[Callable[[], Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._free = 0              # threads without a job, less jobs without a thread

    def run(self, job: Callable[[], Any]) -> None:
        """Queues a job. What it raises is only logged."""
        with self._lock:
            self._free -= 1
            needs_thread = self._free < 0 and len(self._threads) < self._most
            if needs_thread:
                name = f"{self._name}-{len(self._threads) + 1}"
                thread = threading.Thread(target=self._main, name=name, daemon=True)
                self._threads.append(thread)
                self._free += 1
        self._jobs.put(job)
        if needs_thread:
            try:
                thread.start()
            except RuntimeError as error:       # the system has none left: the next job tries again
                with self._lock:
                    self._threads.remove(thread)
                    self._free -= 1
                log.error("a job of %s has to wait: %s", self._name, error)

    def close(self) -> None:
        for _ in self._threads:
            self._jobs.put(None)

    def is_over(self) -> bool:
        """After `close`: whether all threads have ended. Those that hang never do."""
        return not any(thread.is_alive() for thread in self._threads)

    def _main(self) -> None:
        signals.block_in_this_thread()
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except BaseException as error:      # SystemExit, too, is the job's affair, not the thread's
                log.error("a job of %s raised %s", self._name, type(error).__name__, exc_info=error)
            del job                 # what it holds lives no longer than it must
            with self._lock:
                self._free += 1

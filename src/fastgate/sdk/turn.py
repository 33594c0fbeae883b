"""The time that a `def` hook has: what it waits for on the control loop ends with it, and its thread is free again."""

from __future__ import annotations

import threading
from concurrent.futures import CancelledError, Future
from typing import Any, TypeVar

_T = TypeVar("_T")
_of_thread = threading.local()


class Turn:
    """One call of a hook. Entered by its thread; `end` is the control loop's.

    What one thread writes the other reads next, both ways round: whoever comes second sees what the first has done.
    """

    __slots__ = ("_is_over", "_waits_for")

    def __init__(self) -> None:
        self._is_over = False
        self._waits_for: Future[Any] | None = None

    def __enter__(self) -> None:
        _of_thread.turn = self

    def __exit__(self, *error: object) -> None:
        _of_thread.turn = None

    def end(self) -> None:
        """The hook's time is over."""
        self._is_over = True
        waits_for = self._waits_for
        if waits_for is not None:
            waits_for.cancel()

    def result(self, future: Future[_T]) -> _T:
        """Raises TimeoutError once the time is over, and cancels what the future stands for."""
        self._waits_for = future
        if self._is_over:
            future.cancel()
        try:
            return future.result()
        except CancelledError:
            if self._is_over:
                raise TimeoutError("the hook has taken longer than it may: nothing is waited for any more") from None
            raise
        finally:
            self._waits_for = None


def result_of(future: Future[_T]) -> _T:
    """Within the turn of this thread. A thread of the plugin's own has none, and waits as long as it takes."""
    turn: Turn | None = getattr(_of_thread, "turn", None)
    return future.result() if turn is None else turn.result(future)

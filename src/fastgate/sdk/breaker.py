"""When something is not called, because all it did was fail: one phase of a plugin, a service that a plugin asks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Breaker:
    """Off after `most` failures in a row, for `pause_s`; then one call is let through, and decides. Control loop only."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.most = 0
        self.pause_s = 0.0
        self.trips = 0
        self._clock = clock
        self._failures = 0                      # in a row
        self._off_until: float | None = None    # None: on
        self._on_trial: Any = None              # the call that was let through

    def admits(self, run: Any) -> bool:
        if self._off_until is None:
            return True
        if self._on_trial is not None or self._clock() < self._off_until:
            return False
        self._on_trial = run
        return True

    def is_on_trial(self, run: Any) -> bool:
        return self._on_trial is run

    def succeeded(self, run: Any) -> None:
        if self._off_until is None or self._on_trial is run:
            self._off_until = self._on_trial = None
            self._failures = 0

    def failed(self, run: Any) -> bool:
        """True: this turned it off. What began before it was turned off says nothing new."""
        if self._off_until is None:
            self._failures += 1
            if self._failures < self.most:
                return False
        elif self._on_trial is not run:
            return False
        self._on_trial = None
        self._off_until = self._clock() + self.pause_s
        self.trips += 1
        return True

    def undecided(self, run: Any) -> None:
        """It was not the plugin's code that failed: another call is the one on trial."""
        if self._on_trial is run:
            self._on_trial = None

"""Holds the process to `gateway: memory_budget`.

The core counts what it hands out for connections, requests and bodies, and stops at a limit. What that limit is, is
found here: the budget, less what the process takes otherwise, which is measured once it is ready. Once a second the
kernel's figure is looked at: if the process is past its budget all the same (Python grew, or freed memory lies in
pieces), malloc gives back what it can, and as long as that is not enough, no new work begins.
"""

import logging
from typing import TYPE_CHECKING

from fastgate.config.memory_budget import MIB, text
from fastgate.control.resources import resident_bytes, trim

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway

SLACK_BYTES = 2 * MIB       # what Python may grow by
LEAST_BYTES = 1 * MIB       # for the data path; it keeps as much even when the rest has grown too large

log = logging.getLogger("fastgate.control")


class MemoryBudget:
    """Owner: the lifecycle. Without a budget it does nothing."""

    def __init__(self, gateway: "Gateway") -> None:
        self.budget: int | None = None
        self.is_over = False
        self._gateway = gateway
        self._others = 0            # bytes that are not the data path's

    def start(self, budget: int | None) -> str:
        """Once all is loaded. What is wrong with the budget, or an empty text."""
        taken = self._gateway.memory()
        # Tables and rooms are asked for at the start, but resident only as far as they are used.
        self._others = resident_bytes() - taken["used"] + taken["tables"] + SLACK_BYTES
        return self.follow(budget)

    def follow(self, budget: int | None) -> str:
        """A new configuration's budget; as `start`."""
        if budget is not None and budget < self._others + LEAST_BYTES:
            least = -(-(self._others + LEAST_BYTES) // MIB) * MIB
            return (f"gateway.memory_budget: {text(budget)} is too little: without any client the process takes up to "
                    f"{text(self._others)} with this configuration; at least {text(least)} are needed")
        self.budget = budget
        self.is_over = False
        self._gateway.set_memory_limit(self._limit())
        return ""

    def look(self) -> None:
        """Every second or so."""
        if self.budget is None:
            return
        resident = resident_bytes()
        if resident > self.budget:
            trim()
            resident = resident_bytes()
        if resident > self.budget:
            over = resident - self.budget
            self._gateway.set_memory_limit(max(LEAST_BYTES, self._gateway.memory()["used"] - over))
            if not self.is_over:
                log.warning("%s of memory in use, over the memory_budget of %s: no new work for now", text(resident),
                            text(self.budget))
            self.is_over = True
        elif self.is_over and resident < self.budget - self.budget // 32:
            self.is_over = False
            self._gateway.set_memory_limit(self._limit())
            log.info("%s of memory in use, within the memory_budget of %s again", text(resident), text(self.budget))

    def _limit(self) -> int | None:
        return None if self.budget is None else self.budget - self._others

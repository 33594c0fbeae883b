"""Holds the process to `gateway: memory_budget`.

The core counts what it hands out for connections, requests and bodies, and stops at a limit. What that limit is, is
found here: the budget, less what the process takes otherwise, which is measured once it is ready. Where a control group
bounds memory too, and counts what the kernel keeps for sockets, a second limit holds to that. Once a second, and more
often while there is much, the kernel's figures are looked at: if the process nears its bounds all the same (Python grew,
or freed memory lies in pieces), malloc and the reactors give back what they can, and as long as that is not enough, no
new work begins. The group's limit is read then too; a group that had none at first is found at the next reload.
RLIMIT_DATA, past which malloc gets nothing and Python can not go on, is held to likewise.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from fastgate.config.memory_budget import MIB, text
from fastgate.control.memory_group import NO_LIMIT, MemoryGroup, find_group
from fastgate.control.resources import PROC_STATM, data_bytes, data_limit, give_back_large_blocks, resident_bytes, sees_resident_bytes, trim

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway

SLACK_BYTES = 2 * MIB       # what Python may grow by
STACK_BYTES = 8 * MIB       # of RLIMIT_DATA: a thread more, without which no reload and no look-up begins
PIECES_PART = 8             # of what is left: freed blocks between used ones, which nobody has but stay resident
EARLY_PART = 64             # of the budget: so much before it is reached, nothing more is given; for what grows until the next look
WORTH_BYTES = MIB // 4      # a trim that gives less gave nothing
LONGEST_PAUSE = 64          # looks
LEAST_BYTES = 1 * MIB       # for clients; they keep as much even when the rest has grown too large

DATA_LIMIT = "RLIMIT_DATA"

log = logging.getLogger("fastgate.control")


class MemoryBudget:
    """Owner: the lifecycle. Without a budget it does nothing."""

    def __init__(self, gateway: "Gateway", find: "Callable[[], MemoryGroup | None]" = find_group) -> None:
        self.budget: int | None = None
        self.is_over = False
        self._gateway = gateway
        self._find = find
        self._others = 0            # resident bytes that are not the data path's
        self._fixed = 0             # what the data path had without any client, but for the configuration
        self._more = 0              # what the others may still grow by
        self._group: MemoryGroup | None = None
        self._group_others = 0      # bytes charged to the group that are neither the data path's nor its sockets'
        self._data_limit: int | None = None
        self._data_others = 0       # what RLIMIT_DATA counts and is not the data path's
        self._trims = _Trims()

    def start(self, budget: int | None) -> str:
        """Once all is loaded. What is wrong with the budget, or an empty text."""
        taken = self._gateway.memory()
        self._fixed = taken["used"] - self._configuration()
        # Tables and rooms are asked for at the start, but resident only as far as they are used.
        self._more = taken["tables"] + SLACK_BYTES
        self._others = resident_bytes() - taken["used"] + self._more
        self._data_others = data_bytes() - taken["used"] + SLACK_BYTES + STACK_BYTES
        return self.follow(budget)

    def follow(self, budget: int | None) -> str:
        """A new configuration's budget; as `start`. The control group is looked for again: it may have got a limit."""
        group = self._find()
        if group is not None and (self._group is None or group.folder != self._group.folder):
            taken = self._gateway.memory()
            self._group_others = group.used() - taken["used"] - taken["kernel"] + self._more
        self._group = group
        self._data_limit = data_limit()
        if budget is not None:
            problem = (_too_little("gateway.memory_budget", budget, self._others + self._own())
                       or group is not None and _too_little(group.folder, group.limit, self._group_others + self._own())
                       or self._data_limit is not None
                       and _too_little(DATA_LIMIT, self._data_limit, self._data_others + self._own()))
            if problem:
                return problem
        if budget is not None:
            give_back_large_blocks()
            if self.budget is None and not sees_resident_bytes():
                log.warning("gateway.memory_budget: %s can't be read, so nobody sees whether the process stays within it; mount /proc", PROC_STATM)
        self.budget = budget
        self.is_over = False
        self._set_limits(0)
        return ""

    def look(self) -> None:
        """Every second or so."""
        if self.budget is None:
            return
        try:
            self._follow_limits()
            if self._excess() > 0:
                self._give_back()
            else:
                self._trims.forget()
            excess = self._excess()
        except (OSError, MemoryError):      # nothing is left to read them by, or the group has gone: what held before goes on
            return
        if excess > 0:
            self._set_limits(excess)
            if not self.is_over:
                log.warning("memory has reached gateway.memory_budget or the control group's limit: no new work for now")
            self.is_over = True
        elif self.is_over and excess < -self.budget // 32:
            self.is_over = False
            self._set_limits(0)
            log.info("memory is within its bounds again")

    @property
    def is_filling(self) -> bool:
        """Whether the bounds may be near: a flood fills the rest in much less than a second."""
        taken = self._gateway.memory() if self.budget is not None else None
        return taken is not None and taken["used"] > taken["limit"] // 2

    def _own(self) -> int:
        """What the data path has without any client, and it stays."""
        return self._fixed + self._configuration()

    def _configuration(self) -> int:
        return self._gateway.snapshot_info()["bytes"]

    def _follow_limits(self) -> None:
        """The system's may be changed while we run: `systemctl set-property`, `prlimit`."""
        if self._group is not None:
            group, before = self._group.again(), self._group.limit
            self._group = group
            if group.limit != before:
                self._changed(group.folder, None if group.limit == NO_LIMIT else group.limit, self._group_others)
        limit, before = data_limit(), self._data_limit
        self._data_limit = limit
        if limit != before:
            self._changed(DATA_LIMIT, limit, self._data_others)

    def _changed(self, name: str, limit: int | None, others: int) -> None:
        problem = "" if limit is None else _too_little(name, limit, others + self._own())
        if problem:
            log.warning("%s", problem)
        else:
            log.info("%s: the limit is now %s", name, "off" if limit is None else text(limit))
        if not self.is_over:
            self._set_limits(0)

    def _give_back(self) -> None:
        """What malloc keeps; and what the reactors keep, which a later look's trim takes."""
        self._gateway.free_spare()
        if self._trims.is_due(self._gateway.memory()["used"]):
            before = resident_bytes()
            trim()
            self._trims.ended(before - resident_bytes())

    def _excess(self) -> int:
        """Bytes past what the budget, or the control group's limit, lets be taken, whichever is worse; below zero: what is left."""
        budget = self.budget or 0
        excess = resident_bytes() - (budget - budget // EARLY_PART)
        return excess if self._group is None else max(excess, self._group.used() - self._group.limit * 31 // 32)

    def _set_limits(self, excess: int) -> None:
        """excess: what there is too much of, by which what is taken now has to fall first."""
        if self.budget is None:
            self._gateway.set_memory_limit(None)
            return
        limit = _without_pieces(self.budget - self._others)
        with_kernel = None if self._group is None else _without_pieces(self._group.limit - self._group_others)
        if self._data_limit is not None:
            limit = min(limit, _without_pieces(self._data_limit - self._data_others))
        if excess:
            taken = self._gateway.memory()
            limit = min(limit, taken["used"] - excess)
        least = self._own() + LEAST_BYTES
        self._gateway.set_memory_limit(max(limit, least), None if with_kernel is None else max(with_kernel, least))


class _Trims:
    """When a trim is worth its while: it walks all free blocks under malloc's locks, and reactors wait for those. One
    that gave nothing is repeated ever more rarely, or once the data path has given something back."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Memory is within its bounds."""
        self._pause = 0         # looks to let pass after the last one
        self._left = 0          # of them
        self._used = 0          # what the data path had then

    def is_due(self, used: int) -> bool:
        if self._left and used > self._used - WORTH_BYTES:
            self._left -= 1
            return False
        self._used = used
        return True

    def ended(self, given: int) -> None:
        self._pause = 0 if given >= WORTH_BYTES else min(self._pause * 2 or 1, LONGEST_PAUSE)
        self._left = self._pause


def _without_pieces(room: int) -> int:
    return room - room // PIECES_PART


def _too_little(name: str, size: int, others: int) -> str:
    if size >= others + LEAST_BYTES:
        return ""
    return (f"{name}: {text(size)} is too little: without any client the process takes up to {text(others)} with this "
            f"configuration; at least {text(-(-(others + LEAST_BYTES) // MIB) * MIB)} are needed")

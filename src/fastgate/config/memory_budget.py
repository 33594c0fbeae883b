"""`gateway: memory_budget`: one size, from which every limit follows that the file does not set itself.

The budget is what the process may have resident. Its own part (Python, libraries, each reactor's room) comes off
first; the rest, the room, is shared out to tables and caches, to bodies, and to connections. What the file sets stands,
and must fit. These are plans: how much there really is, `control.memory` finds out and the core holds to.

Costs are bytes on a 64-bit CPU, which a 32-bit one undercuts; how they were measured is in docs/operations.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from .errors import shown
from .scalars import Substituted, resolve, type_problem
from .schema import Problems

KIB = 1024
MIB = 1024 * KIB

PROCESS_BYTES = 34 * MIB        # Python and what a usual configuration imports, before the first connection, and what both may grow by
WORKER_BYTES = 1 * MIB          # a reactor's rooms for reading and writing, its log ring, its stack
LEAST_ROOM = 2 * MIB            # below, nothing sensible can be shared out
LEAST_CONNECTIONS = 64

IDLE_BYTES = 512                # a client connection that waits
REQUEST_BYTES = 5 * KIB         # and what a request adds, its connection to the target included
BUSY_PART = 3                   # one connection of so many is counted as having a request under way
TOKEN_BYTES = 1536              # a verdict with a usual token, and its part of a quarter as many refusals
KEY_BYTES = 140
VISITOR_BYTES = 120
CALL_BYTES = 4 * KIB            # a call of a plugin in Python

_SIZE = re.compile(r"([0-9]{1,15}) ?(KiB|MiB|GiB)?\Z")
_UNITS = {None: 1, "KiB": KIB, "MiB": MIB, "GiB": 1024 * MIB}
_MOST = 2**50
_EXPECTED = 'a size like "64MiB" (or KiB, GiB, or plain bytes)'


class Machine(NamedTuple):
    """What "auto" comes to here."""

    workers: int
    descriptors: int        # that the process may open


def size(value: Any, problems: Problems) -> Any:
    """A check: bytes as an integer."""
    if isinstance(value, Substituted):
        value = resolve(value) if value.isdecimal() else str(value)
    found = _SIZE.match(value) if isinstance(value, str) else None
    if found is not None:
        value = int(found[1]) * _UNITS[found[2]]
    elif type(value) is not int:
        problems.append(((), type_problem(_EXPECTED, value)))
        return None
    if MIB <= value <= _MOST:
        return value
    problems.append(((), f"expected {_EXPECTED}, {text(MIB)} to {text(_MOST)}, not {shown(value)}"))
    return None


def fixed_bytes(workers: int) -> int:
    """What the process takes before it serves anybody."""
    return PROCESS_BYTES + workers * WORKER_BYTES


def apply(gateway: dict[str, Any], section: Mapping[str, Any], machine: Machine, problems: Problems) -> None:
    """Gives the limits of `gateway`, valid and with a budget, the values that fit, but for those set in `section`.

    Appends what does not fit to `problems`, as a check does.
    """
    workers = machine.workers if gateway["workers"] == "auto" else gateway["workers"]
    budget = gateway["memory_budget"]
    room = budget - fixed_bytes(workers)
    if room < LEAST_ROOM:
        problems.append((("memory_budget",), f"{text(budget)} is too little: with {_reactors(workers)} at least "
                         f"{text(-(-(fixed_bytes(workers) + LEAST_ROOM) // MIB) * MIB)} are needed"))
        return
    given = _given(gateway, section)
    if not _given_fits(gateway, given, room, workers, problems):
        return
    limits, python = dict(gateway["limits"]), dict(gateway["python"])
    keepalive, asgi = dict(gateway["keepalive"]), dict(gateway["asgi"])
    gateway.update(limits=limits, python=python, keepalive=keepalive, asgi=asgi)

    def plan(part: dict[str, Any], name: str, value: int, least: int, most: int) -> None:
        if name not in given:
            part[name.rpartition(".")[2]] = max(least, min(value, most))

    # What the file sets comes off first; the others share what is left of it.
    rest = room - sum(cost for cost, _ in given.values())
    plan(limits, "limits.rate_limit_keys", rest // 8 // KEY_BYTES, 64, 100_000)
    plan(limits, "limits.visitors", _power_of_two(rest // 32 // VISITOR_BYTES), 64, 16_384)
    plan(limits, "limits.token_cache", rest // 16 // TOKEN_BYTES, 16, 1000)
    plan(limits, "limits.retry_buffer_bytes", rest // 512, 4 * KIB, 64 * KIB)
    plan(python, "python.body", rest // 16, 64 * KIB, MIB)
    plan(python, "python.calls", rest // 32 // CALL_BYTES, 16, 1024)
    plan(keepalive, "keepalive.pool_size", rest // 32 // IDLE_BYTES // workers, 8, 512)
    connections = _connections(rest, limits, given)
    if "limits.connections" not in given:
        if connections < LEAST_CONNECTIONS:
            _refuse(given, room, workers, budget, f"leaves room for {max(0, connections)} connections", problems)
            return
        limits["connections"] = min(connections, machine.descriptors * 3 // 4)
    plan(asgi, "asgi.concurrency", limits["connections"], 1, 1024)


def lines(gateway: Mapping[str, Any], machine: Machine) -> list[str]:
    """What a budget came to, for those who ask: the limits in force."""
    workers = machine.workers if gateway["workers"] == "auto" else gateway["workers"]
    budget = gateway["memory_budget"]
    found = [f"memory_budget {text(budget)} with {_reactors(workers)}: {text(fixed_bytes(workers))} for the process, "
             f"{text(budget - fixed_bytes(workers))} for its work"]
    for name in ("limits.connections", "limits.rate_limit_keys", "limits.visitors", "limits.token_cache",
                 "limits.retry_buffer_bytes", "keepalive.pool_size", "python.body", "python.calls", "asgi.concurrency"):
        part, _, key = name.partition(".")
        found.append(f"{name}: {gateway[part][key]}")
    return found


def text(size: int) -> str:
    """As a person writes it, rounded to a tenth of the unit."""
    for unit in (1024 * MIB, MIB, KIB):
        if size >= unit:
            number = f"{size / unit:.1f}".removesuffix(".0")
            return number + {KIB: " KiB", MIB: " MiB", 1024 * MIB: " GiB"}[unit]
    return f"{size} bytes"


def _given(gateway: Mapping[str, Any], section: Mapping[str, Any]) -> dict[str, tuple[int, str]]:
    """What the file sets itself: its cost when it is used up, and what of it there is."""
    costs = {
        "limits.connections": (IDLE_BYTES, "connections"),
        "limits.rate_limit_keys": (KEY_BYTES, "keys"),
        "limits.visitors": (VISITOR_BYTES, "visitors"),
        "limits.token_cache": (TOKEN_BYTES, "tokens"),
        "limits.retry_buffer_bytes": (0, "bytes"),
        "keepalive.pool_size": (0, "connections"),
        "python.body": (1, "bytes"),
        "python.calls": (0, "calls"),
        "asgi.concurrency": (0, "requests"),
    }
    given = {}
    for name, (each, what) in costs.items():
        part, _, key = name.partition(".")
        raw = section.get(part)
        value = gateway[part][key]
        if type(raw) is dict and raw.get(key) not in (None, "") and value != "auto":
            count = _power_of_two(value, up=True) if name == "limits.visitors" else value
            given[name] = count * each, f"{value} {what}"
    return given


def _given_fits(gateway: Mapping[str, Any], given: dict[str, tuple[int, str]], room: int, workers: int,
                problems: Problems) -> bool:
    over = sum(cost for cost, _ in given.values()) - room
    if over > 0:
        _refuse(given, room, workers, gateway["memory_budget"], f"is {text(over)} over that", problems)
    return over <= 0


def _refuse(given: dict[str, tuple[int, str]], room: int, workers: int, budget: int, how: str, problems: Problems) -> None:
    """Names the largest of what the file sets; without any, the budget itself."""
    name, (cost, what) = max(given.items(), key=lambda item: item[1][0], default=("memory_budget", (budget, text(budget))))
    total = sum(cost for cost, _ in given.values())
    problems.append((tuple(name.split(".")), f"{what} take up to {text(cost)}; memory_budget {text(budget)} leaves "
                     f"{text(room)} with {_reactors(workers)}, and all that is set here ({text(total)}) {how}"))


def _connections(rest: int, limits: Mapping[str, Any], given: Mapping[str, Any]) -> int:
    tables = sum(limits[key] * each for key, each in (
        ("rate_limit_keys", KEY_BYTES), ("visitors", VISITOR_BYTES), ("token_cache", TOKEN_BYTES))
        if f"limits.{key}" not in given)
    left = rest - tables
    return (left - left // 4) // (IDLE_BYTES + REQUEST_BYTES // BUSY_PART)      # a quarter: bodies, and what is slow to leave


def _power_of_two(number: int, up: bool = False) -> int:
    """The next below, or above: what the table of visitors rounds to."""
    below = 1 << max(0, number.bit_length() - 1)
    return below * 2 if up and below < number else below


def _reactors(workers: int) -> str:
    return "1 reactor" if workers == 1 else f"{workers} reactors"

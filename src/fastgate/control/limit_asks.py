"""rate-limiting with `sync_rate: 0`: each request asks Redis, in one step for all its windows.

What waits at a moment goes in one round trip; a few of them are under way at a time, on a connection each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgate.control.shared_counts import SharedCounts, time_to_live_ms, window_key
from fastgate.control.tasks import end_all
from fastgate.plugins.rate_limiting import SECONDS

if TYPE_CHECKING:
    from fastgate._core.bridge.shared_limits import RateAsk

MS = 1_000_000
BATCH = 200                 # a script each
UNDER_WAY = 4               # round trips


class Window(NamedTuple):
    """Of a plugin's configuration."""

    limit: int
    period_ns: int


class Plan(NamedTuple):
    """What a plugin's requests ask for."""

    windows: list[Window]       # in the order of the core's rule
    is_sliding: bool


def plan_of(config: dict[str, Any]) -> Plan:
    windows = [Window(config[name], seconds * 1_000_000_000) for name, seconds in SECONDS.items() if config[name] is not None]
    return Plan(windows, config["algorithm"] == "sliding-window")


def question(ask: RateAsk, plan: Plan) -> tuple[list[str], list[Any]]:
    """KEYS and ARGV of the script ASK."""
    keys: list[str] = []
    arguments: list[Any] = [1]
    for limit, period_ns in plan.windows:
        at_ns = ask.now_wall_ns - ask.now_wall_ns % period_ns
        for start_ns in (at_ns, at_ns - period_ns):
            keys.append(window_key(ask.plugin, ask.low, ask.high, start_ns, period_ns, is_asked=True))
        left_ms = (at_ns + period_ns - ask.now_wall_ns - 1) // MS
        arguments += (limit, period_ns // MS, left_ms, int(plan.is_sliding), time_to_live_ms(period_ns))
    return keys, arguments


class Asks:
    """Of one exchange. Control loop."""

    def __init__(self, counts: SharedCounts) -> None:
        self.answered = self.failed = 0
        self.plans: dict[str, Plan] = {}
        self._counts = counts
        self._waiting: list[RateAsk] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, asks: list[RateAsk]) -> None:
        self._waiting += asks
        self._send()

    def _send(self) -> None:
        while self._waiting and len(self._tasks) < UNDER_WAY:
            some, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
            task = asyncio.get_running_loop().create_task(self._ask(some))
            self._tasks.add(task)
            task.add_done_callback(self._sent)

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._send()

    async def _ask(self, asks: list[RateAsk]) -> None:
        """Never raises."""
        known = []
        for ask in asks:
            if ask.plugin in self.plans:
                known.append(ask)
            else:
                ask.give_up()               # its plugin is not in the configuration any more
        answers: list[list[int] | None] = [None] * len(known)
        try:
            if known:
                answers = await self._counts.ask([question(ask, self.plans[ask.plugin]) for ask in known])
        except Exception:                   # the exchange tells what is wrong with this Redis
            pass
        finally:
            for ask, answer in zip(known, answers):
                if answer is None:
                    self.failed += 1
                    ask.give_up()
                else:
                    self.answered += 1
                    ask.answer(answer[0] == 1, answer[1:])

    async def close(self) -> None:
        for ask in self._waiting:
            ask.give_up()
        self._waiting.clear()
        await end_all(self._tasks)

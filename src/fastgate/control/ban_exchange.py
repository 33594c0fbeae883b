"""Bans in Redis (`gateway.redis`): `blacklist:<ip>` with a time to live, for other gateways and other tools.

Whoever writes such a key bans the address, whoever deletes it lifts the ban, everywhere within `bans.sync_rate`.
An IPv6 address stands for its /64 and is written so; a ban that another tool spelt otherwise is deleted as it spelt it.
While Redis is away bans go on by themselves, and what happened meanwhile is told once it is back; one that was started
anew, and may have forgotten all, is told of all.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any

from fastgate.clients.redis import SharedRedis, shared_redis
from fastgate.control.bans import NS_PER_S, address_of, text_of
from fastgate.control.tasks import end_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastgate._core.bridge.bans import Ban
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model

PREFIX = "blacklist:"
LOOK_S = 0.5                # how often for bans to tell of
MOST_LIFTED = 10_000        # to be told once Redis is back; of more the oldest are forgotten
MOST_READ = 100_000         # keys of one reading
BATCH = 500
FOR_EVER_S = 31_536_000     # a key without a time to live: so long from each day on
DAY_S = 86_400
LAST_WORDS_S = 5.0          # for a Redis that hangs: one that answers, and a machine that is slow, take less

log = logging.getLogger("fastgate.control")


class BanExchange:
    """A part of control/background. All on the control loop."""

    def __init__(self, gateway: Gateway) -> None:
        self._bans = gateway.bans
        self._record: dict[str, Any] | None = None
        self._place: list[Any] = []         # where Redis is, or was last
        self._run_id: str | None = None     # which process that is
        self._sync_s = 0.0
        self._redis: SharedRedis | None = None
        self._task: asyncio.Task[None] | None = None
        self._ends: set[asyncio.Task[None]] = set()
        self._lifted: dict[str, None] = {}
        self._names: dict[str, set[bytes]] = {}     # of addresses: keys of theirs that are not as text_of has it, as last read
        self._is_away = False
        self._known: dict[bytes, Ban] = {}  # the table as it was
        self._untold: list[Ban] = []        # of those, what Redis has not been told of
        self._changes: int | None = None    # when it was read: Bans.changes
        self.exchanges = self.failures = 0

    def follow(self, model: Model) -> None:
        from fastgate.control.background import KINDS

        record = model.gateway["redis"] if KINDS["bans"].is_needed(model) else None
        self._sync_s = model.gateway["bans"]["sync_rate"]
        if record == self._record:
            return
        if self._record is not None:
            self._let_go()
        self._record = record
        if record is not None:
            self._move(_place_of(record))
            self._redis = shared_redis(record)
            self._task = asyncio.get_running_loop().create_task(self._run(self._redis))

    def _move(self, place: list[Any]) -> None:
        """Another Redis than before is to be told of all bans: what it does not have was not lifted."""
        if self._place and place != self._place:
            self._tell_again()
            self._run_id = None
        self._place = place

    def _tell_again(self) -> None:
        for ban in self._bans.read():
            if ban.is_shared:
                self._bans.add(ban.address, ban.until_ns)

    def _let_go(self) -> None:
        """The old Redis, once what is under way with it has ended."""
        task, redis = self._task, self._redis
        assert task is not None and redis is not None

        async def end() -> None:
            await end_all([task])
            await redis.release()

        ending = asyncio.get_running_loop().create_task(end())
        self._ends.add(ending)
        ending.add_done_callback(self._ends.discard)
        self._task = self._redis = None

    def forget(self, address: str) -> None:
        """A ban was lifted here: Redis is to be told."""
        if self._record is None:
            return
        self._lifted[address] = None
        while len(self._lifted) > MOST_LIFTED:
            del self._lifted[next(iter(self._lifted))]

    def figures(self) -> dict[str, float]:
        return {"exchanges": self.exchanges, "failures": self.failures, "away": float(self._is_away)}

    async def close(self) -> None:
        if self._redis is not None:
            redis = self._redis.client
            try:
                await asyncio.wait_for(self._tell(redis), LAST_WORDS_S)
            except Exception as error:
                log.warning("bans: the last ones did not reach Redis: %s", str(error) or type(error).__name__)
            self._let_go()
        if self._ends:
            await asyncio.wait(self._ends)

    async def _run(self, redis: SharedRedis) -> None:
        read_at = 0.0
        while True:
            try:
                is_due = time.monotonic() >= read_at
                if is_due:
                    await self._look_for_restart(redis.client)
                await self._tell(redis.client)
                if is_due:
                    await self._read(redis.client)
                    read_at = time.monotonic() + self._sync_s
                self._note(None)
            except Exception as error:      # whatever a client makes of a broken server: bans go on being exchanged
                self._note(error)
                read_at = 0.0
                await asyncio.sleep(self._sync_s)
            await asyncio.sleep(min(LOOK_S, self._sync_s))

    def _note(self, error: Exception | None) -> None:
        if error is None:
            self.exchanges += 1
            if self._is_away:
                log.info("bans: Redis is back")
        else:
            self.failures += 1
            if not self._is_away:
                log.warning("bans: Redis can't be asked, bans go on by themselves: %s",
                            str(error) or type(error).__name__)
        self._is_away = error is not None

    async def _look_for_restart(self, redis: Any) -> None:
        """Another process there, after a restart or with another master, may not have what this one was told."""
        from redis.exceptions import ResponseError

        if self._place and self._place[-1]:
            return                          # a cluster: its nodes stand in for each other
        try:
            run_id = (await redis.info("server")).get("run_id")
        except ResponseError:               # its access list forbids the question
            return
        if self._run_id not in (None, run_id):
            self._tell_again()
        self._run_id = run_id

    async def _tell(self, redis: Any) -> None:
        """What was lifted, then what was banned, since Redis was last told."""
        while self._lifted:
            address = next(iter(self._lifted))
            for name in (PREFIX + address, *self._names.get(address, ())):      # one by one: a cluster has them apart
                await redis.delete(name)
            self._names.pop(address, None)
            self._lifted.pop(address, None)
        now_ns = time.monotonic_ns()
        self._look()
        fresh = [ban for ban in self._untold if ban.until_ns > now_ns]
        for some in _batches(fresh):
            pipe = redis.pipeline(transaction=False)
            for ban in some:
                pipe.set(PREFIX + text_of(ban.address), ban.score, px=max(1, (ban.until_ns - now_ns) // 1_000_000))
            await pipe.execute()
            for ban in some:
                self._bans.told(ban)

    def _look(self) -> None:
        """The table is large: it is read only once its bans have changed. So there may be some that have ended."""
        changes = self._bans.changes()      # first: what changes while it is read makes for another reading
        if changes != self._changes:
            self._known = {ban.address: ban for ban in self._bans.read()}
            self._untold = [ban for ban in self._known.values() if ban.is_new]
            self._changes = changes

    async def _read(self, redis: Any) -> None:
        """What Redis has becomes a ban here; what it had and has no more is lifted."""
        self._look()
        known = self._known
        keys: list[bytes] = []
        async for key in redis.scan_iter(match=f"{PREFIX}*", count=1000):
            keys.append(key)
            if len(keys) == MOST_READ:
                break
        seen = set()
        names: dict[str, set[bytes]] = {}
        for some in _batches(keys):
            pipe = redis.pipeline(transaction=False)
            for key in some:
                pipe.pttl(key)
            for key, left_ms in zip(some, await pipe.execute(), strict=True):
                address = self._address(key)
                if address is None or left_ms == -2:        # gone meanwhile
                    continue
                seen.add(address)
                text = text_of(address)
                if key != (PREFIX + text).encode():
                    names.setdefault(text, set()).add(key)
                    self._names.setdefault(text, set()).add(key)    # at once: Redis may break off before all are read
                until_ns = time.monotonic_ns() + (left_ms * 1_000_000 if left_ms >= 0 else FOR_EVER_S * NS_PER_S)
                slack_ns = NS_PER_S if left_ms >= 0 else DAY_S * NS_PER_S
                old = known.get(address)
                if text not in self._lifted and (old is None or abs(old.until_ns - until_ns) > slack_ns):
                    self._bans.add(address, until_ns, True)
        self._names = names
        if len(keys) < MOST_READ:
            now_ns = time.monotonic_ns()
            for address, ban in known.items():
                if ban.is_shared and address not in seen and ban.until_ns > now_ns:
                    self._bans.lift(address)

    def _address(self, key: bytes) -> bytes | None:
        """None: another tool's mistake, or not meant for gateways."""
        try:
            return self._bans.network(address_of(key.decode().removeprefix(PREFIX)))
        except ValueError:
            return None


def _place_of(record: dict[str, Any]) -> list[Any]:
    return [record.get(key) for key in ("host", "port", "database", "sentinel_master", "sentinel_nodes", "cluster_nodes")]


def _batches(items: list[Any]) -> Iterable[list[Any]]:
    for at in range(0, len(items), BATCH):
        yield items[at:at + BATCH]

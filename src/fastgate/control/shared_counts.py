"""Counts that several gateways keep together in Redis: keys, scripts, and one round of either with a server.

A window of a key is a hash: `n`, what all have counted, and for each gateway the number of the last delta that
is in it. So a delta told twice counts once: after a time-out nobody knows whether it arrived, and it is told again.

Keys of the exchange have key and window in their hash tag, so that a Cluster spreads even one caller's windows
over its nodes. Where a request asks at once (`sync_rate: 0`) only the key is in it: all its windows, and
those before, are decided in one step, on one node.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import NoScriptError, RedisError

if TYPE_CHECKING:
    from fastgate.clients.redis import Client

PREFIX = "ratelimit"
NODES_KEY = f"{PREFIX}:nodes"
KEYS_PER_CALL = 500             # a script holds a server up: some 2 ms
NODE_GONE_MS = 5000             # a gateway silent for so long is not counted any more
NS = 1_000_000_000

# KEYS: windows. ARGV: gateway; then for each its delta's number, the delta, ms to live. Returns the totals.
COUNT = """
local totals = {}
for i, key in ipairs(KEYS) do
  local number, n, ttl = tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i]), ARGV[3 * i + 1]
  if n > 0 and tonumber(redis.call('HGET', key, ARGV[1]) or '0') < number then
    redis.call('HSET', key, ARGV[1], number)
    redis.call('HINCRBY', key, 'n', n)
    redis.call('PEXPIRE', key, ttl)
  end
  totals[i] = tonumber(redis.call('HGET', key, 'n') or '0')
end
return totals
"""

# KEYS: for each window itself and the one before. ARGV: cost; then for each window limit, period and what is left
# of it in ms, 1 if the one before weighs in, ms to live. Returns 1 or 0 (admitted), then the counts of KEYS.
ASK = """
local cost, fits, counts = tonumber(ARGV[1]), 1, {}
for i = 1, #KEYS do counts[i] = tonumber(redis.call('HGET', KEYS[i], 'n') or '0') end
for i = 1, #KEYS / 2 do
  local at = 5 * i - 3
  local used = counts[2 * i - 1]
  if ARGV[at + 3] == '1' then used = used + math.floor(counts[2 * i] * tonumber(ARGV[at + 2]) / tonumber(ARGV[at + 1])) end
  if used + cost > tonumber(ARGV[at]) then fits = 0 end
end
if fits == 1 then
  for i = 1, #KEYS / 2 do
    counts[2 * i - 1] = redis.call('HINCRBY', KEYS[2 * i - 1], 'n', cost)
    redis.call('PEXPIRE', KEYS[2 * i - 1], ARGV[5 * i + 1])
  end
end
table.insert(counts, 1, fits)
return counts
"""

# KEYS: the set of gateways. ARGV: this one, ms after which one is gone. Returns how many there are.
NODES = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ms - tonumber(ARGV[2]))
redis.call('ZADD', KEYS[1], ms, ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""


class Delta(NamedTuple):
    """What this gateway counted in one window of a key, and the number it is told under."""

    plugin: str
    raw: tuple[int, int, int, int, int]     # as SharedLimits has it: low, high, at_ns, period_ns, n
    key: str
    number: int

    def is_over(self, now_ns: int) -> bool:
        """Not even the window after it is under way."""
        return self.raw[2] + 2 * self.raw[3] < now_ns


def window_key(plugin: str, low: int, high: int, at_ns: int, period_ns: int, *, is_asked: bool) -> str:
    key = f"{plugin}:{high:016x}{low:016x}"
    window = f"{at_ns // NS}:{period_ns // NS}"
    return f"{PREFIX}:{{{key}}}:{window}" if is_asked else f"{PREFIX}:{{{key}:{window}}}"


def time_to_live_ms(period_ns: int) -> int:
    """The window after it still wants to know, and gateways' clocks differ."""
    return 2 * period_ns // 1_000_000 + 5000


@cache
def hash_of(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


class SharedCounts:
    """The scripts on one Redis. `node` names this gateway among the others."""

    def __init__(self, client: Client, node: str) -> None:
        self._client = client
        self._node = node
        self._is_cluster = isinstance(client, RedisCluster)

    async def count(self, deltas: list[Delta]) -> list[int | None]:
        """The totals of their windows; None: this one's server did not answer. Raises RedisError when none did."""
        calls: list[tuple[list[str], list[Any]]] = []
        step = 1 if self._is_cluster else KEYS_PER_CALL
        for at in range(0, len(deltas), step):
            some = deltas[at:at + step]
            arguments: list[Any] = [self._node]
            for delta in some:
                arguments += (delta.number, delta.raw[4], time_to_live_ms(delta.raw[3]))
            calls.append(([delta.key for delta in some], arguments))
        totals: list[int | None] = []
        for (keys, _), answer in zip(calls, await self._run(COUNT, calls)):
            totals += [None] * len(keys) if isinstance(answer, Exception) else answer
        return totals

    async def ask(self, requests: list[tuple[list[str], list[Any]]]) -> list[list[int] | None]:
        """For each (KEYS, ARGV) of ASK what it returned; None: its server did not answer."""
        return [None if isinstance(answer, Exception) else answer for answer in await self._run(ASK, requests)]

    async def nodes(self) -> int:
        """Says that this gateway is there; how many are."""
        answer = (await self._run(NODES, [([NODES_KEY], [self._node, NODE_GONE_MS])]))[0]
        if isinstance(answer, Exception):
            raise answer
        return int(answer)

    async def leave(self) -> None:
        await self._client.zrem(NODES_KEY, self._node)

    async def _run(self, script: str, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        """All calls in one round trip to each server. An answer may be an exception; raises when all are."""
        answers = await self._call(script, calls)
        unknown = [at for at, answer in enumerate(answers) if isinstance(answer, NoScriptError)]
        if unknown:         # a server that has just begun, or taken over
            await self._load(script)
            for at, answer in zip(unknown, await self._call(script, [calls[at] for at in unknown])):
                answers[at] = answer
        failed = [answer for answer in answers if isinstance(answer, Exception)]
        if failed and len(failed) == len(answers):
            raise failed[0]
        return answers

    async def _call(self, script: str, calls: list[tuple[list[str], list[Any]]]) -> list[Any]:
        name = hash_of(script)
        if len(calls) == 1:
            keys, arguments = calls[0]
            try:
                return [await self._client.evalsha(name, len(keys), *keys, *arguments)]
            except RedisError as error:
                return [error]
        pipeline = self._client.pipeline() if self._is_cluster else self._client.pipeline(transaction=False)
        for keys, arguments in calls:
            pipeline.execute_command("EVALSHA", name, len(keys), *keys, *arguments)
        return await pipeline.execute(raise_on_error=False)

    async def _load(self, script: str) -> None:
        """On every node of a Cluster that answers."""
        if not self._is_cluster:
            await self._client.script_load(script)
            return
        for node in self._client.get_primaries():
            try:
                await self._client.execute_command("SCRIPT LOAD", script, target_nodes=node)
            except (RedisError, OSError):
                pass                # its own windows wait

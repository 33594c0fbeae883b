"""device-auth: lets devices in that Redis knows, `device:<id>:auth`, and remembers what it said while it is away."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import time
from collections import OrderedDict
from typing import Annotated, Any, Literal, NamedTuple
from urllib.parse import unquote_plus

from fastgate.sdk import Between, Context, Plugin, Request, Response, Unavailable
from fastgate.sdk.breaker import Breaker
from fastgate.sdk.fields import field_name, request_name

from .http_log import MOST_MS

REFUSAL = {"status": "unauthorized", "reason": "invalid token"}
REDIS_FAILURES = 3          # in a row, and Redis is not asked
REDIS_PAUSE_S = 1.0         # for so long; then by one request
MOST_PENDING = 1000         # questions on their way to Redis
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}\Z")
_HASHED = "sha256:"
_NO_TEXT = "WRONGTYPE"      # Redis: the key is a list, a hash …
_DN_PART = re.compile(r"\s*([A-Za-z0-9.]+)\s*=\s*((?:\\.|[^,\\/])*)(?:[,/]|\Z)")


class Known(NamedTuple):
    """What Redis said of a device, and when (monotonic)."""

    value: str | None
    asked_at: float


class DeviceAuth(Plugin):
    name = "device-auth"
    version = "1.0.0"
    priority = 1020
    needs_redis = True

    class Config:
        sources: list[Literal["query", "header", "certificate"]] = ["query", "header"]
        id_arg: str = "device_id"
        id_header: str = "X-Device-Id"
        certificate_header: str = "X-Client-Cert-Subject"
        token_header: str = "X-Device-Token"
        token_arg: str | None = None
        require_token: bool = False
        hide_credentials: bool = False
        upstream_header: str = "X-Device-Id"
        key: str = "device:{id}:auth"
        timeout: Annotated[int, Between(1, MOST_MS)] = 250
        ttl: Annotated[float, Between(0, 86_400)] = 30.0
        stale_ttl: Annotated[float, Between(0, 31_536_000)] = 3600.0
        cache_entries: Annotated[int, Between(1, 1_000_000)] = 10_000

        def __post_init__(self) -> None:
            if not self.sources:
                raise ValueError("sources: name at least one of query, header, certificate")
            if self.key.count("{id}") != 1:
                raise ValueError(f'key: {self.key!r} must have "{{id}}" in it, once')
            for name in (self.id_header, self.certificate_header, self.token_header):
                field_name(name)
            request_name(self.upstream_header)

    @classmethod
    def secret_args(cls, config: Config) -> list[str]:
        return [] if config.token_arg is None else [config.token_arg]

    def init(self) -> None:
        metrics = self.tools.metrics
        self.lookups = metrics.counter(
            "lookups", "How what is known of a device was found: cached, asked, stale (Redis is away), unknown (likewise).",
            "result")
        self.refusals = metrics.counter("refusals", "Requests answered with 403.")
        self.caches: dict[int, Cache] = {}          # by id of the Config, which it holds
        self.told: set[int] = set()                 # the last configurations, likewise: requests may have them still

    async def configure(self, configs: list[Config]) -> None:
        for config in configs:
            self.cache_of(config)
        current = {id(config) for config in configs}
        self.caches = {key: cache for key, cache in self.caches.items() if key in current | self.told}
        self.told = current

    def cache_of(self, config: Config) -> Cache:
        cache = self.caches.get(id(config))
        if cache is None:
            cache = Cache(config)
            for other in self.caches.values():      # what was known goes on, whatever else the configuration says now
                if other.config.key == config.key:
                    cache.learn(other)
            self.caches[id(config)] = cache
        return cache

    async def access(self, context: Context, config: Config) -> Response | None:
        request = context.request
        if "certificate" in config.sources and not request.is_from_trusted:
            request.clear_header(config.certificate_header)         # nobody's word, for the upstream neither
        device, is_proven = device_of(request, config)
        if device is None:
            return self.refused()
        value = await self.value_of(config, config.key.replace("{id}", device))
        if not is_good(value, token_of(request, config), is_proven, config.require_token):
            return self.refused()
        if config.hide_credentials:
            hide(request, config)
        request.set_header(config.upstream_header, device)
        return None

    def refused(self) -> Response:
        self.refusals.increase()
        return Response(403, json=REFUSAL)

    async def value_of(self, config: Config, key: str) -> str | None:
        """Raises Unavailable."""
        cache = self.cache_of(config)
        known = cache.known(key)
        if known is not None and cache.is_fresh(known):
            self.lookups.increase(result="cached")
            return known.value
        try:
            value = await cache.asked(key, self.tools.redis)
        except Away as error:
            if known is None:
                self.lookups.increase(result="unknown")
                raise Unavailable(f"Redis is away, and nothing is known of the device: {error}") from None
            self.lookups.increase(result="stale")
            return known.value
        self.lookups.increase(result="asked")
        return value

    async def close(self) -> None:
        for cache in self.caches.values():
            await cache.close()


class Away(Exception):
    """Redis did not answer."""


class Cache:
    """What Redis said, for one configuration. Control loop only."""

    def __init__(self, config: DeviceAuth.Config) -> None:
        self.config = config
        # The longest unused first; apart, so that made-up ids push out nothing that is known.
        self._present: OrderedDict[str, Known] = OrderedDict()
        self._absent: OrderedDict[str, Known] = OrderedDict()
        self._pending: dict[str, asyncio.Task[str | None]] = {}
        self._breaker = Breaker(time.monotonic)
        self._breaker.most, self._breaker.pause_s = REDIS_FAILURES, REDIS_PAUSE_S

    def __len__(self) -> int:
        return len(self._present) + len(self._absent)

    def learn(self, other: Cache) -> None:
        """What another one knows, too, or knows better."""
        for entries in (other._absent, other._present):
            for key, known in entries.items():
                mine = self._present.get(key) or self._absent.get(key)
                if mine is None or mine.asked_at < known.asked_at:
                    self._keep(key, known)

    def is_fresh(self, known: Known) -> bool:
        return known.asked_at + self.config.ttl > time.monotonic()

    def known(self, key: str) -> Known | None:
        for entries in (self._present, self._absent):
            entry = entries.get(key)
            if entry is not None:
                if entry.asked_at + max(self.config.ttl, self.config.stale_ttl) > time.monotonic():
                    entries.move_to_end(key)
                    return entry
                del entries[key]
        return None

    async def asked(self, key: str, redis: Any) -> str | None:
        """Asks once, however many wait for the answer. Raises Away."""
        task = self._pending.get(key)
        if task is None:
            if len(self._pending) >= MOST_PENDING:
                raise Away(f"{MOST_PENDING} questions have no answer yet")
            task = self._pending[key] = asyncio.create_task(self._ask(key, redis))
            task.add_done_callback(lambda done: self._asked(key, done))
        # Shielded: who gives up leaves it to the others.
        return await asyncio.shield(task)

    async def close(self) -> None:
        for task in self._pending.values():
            task.cancel()
        if self._pending:
            await asyncio.wait(list(self._pending.values()))

    async def _ask(self, key: str, redis: Any) -> str | None:
        from redis.exceptions import RedisError

        token = object()
        if not self._breaker.admits(token):
            raise Away("it is left alone for a moment")
        try:
            found = await asyncio.wait_for(redis.get(key), self.config.timeout / 1000)
        except (RedisError, OSError, asyncio.TimeoutError) as error:
            if not str(error).startswith(_NO_TEXT):
                self._breaker.failed(token)
                raise Away(str(error) or f"no answer within {self.config.timeout} ms") from None
            found = b""         # an answer: one odd key, which anybody may ask for, is no sign that Redis is away
        except BaseException:
            self._breaker.undecided(token)
            raise
        self._breaker.succeeded(token)
        value = None if found is None else found.decode("utf-8", "replace")
        self._keep(key, Known(value, time.monotonic()))
        return value

    def _keep(self, key: str, known: Known) -> None:
        entries, others = (self._absent, self._present) if known.value is None else (self._present, self._absent)
        others.pop(key, None)
        entries[key] = known
        entries.move_to_end(key)
        while len(entries) > self.config.cache_entries:
            entries.popitem(last=False)

    def _asked(self, key: str, done: asyncio.Task[str | None]) -> None:
        del self._pending[key]
        if not done.cancelled():
            done.exception()        # taken, in case nobody waits for it any more


def device_of(request: Request, config: Any) -> tuple[str | None, bool]:
    """Who says to ask, and whether a certificate proves it."""
    for source in config.sources:
        if source == "query":
            found = request.args().get(config.id_arg)
        elif source == "header":
            found = request.header(config.id_header)
        else:
            found = common_name(request.header(config.certificate_header)) if request.is_from_trusted else None
        if found:
            return (found if _ID.match(found) else None), source == "certificate"
    return None, False


def common_name(subject: str | None) -> str | None:
    """Of a subject's distinguished name, as RFC 4514 or OpenSSL write it; a text that is none is the name itself."""
    if not subject or "=" not in subject:
        return subject
    names = [value for kind, value in _DN_PART.findall(subject) if kind.upper() == "CN"]
    return names[0].strip() if len(names) == 1 else None


def token_of(request: Request, config: Any) -> str | None:
    shown = request.header(config.token_header)
    if shown is None and config.token_arg is not None:
        shown = request.args().get(config.token_arg)
    return shown


def is_good(value: str | None, token: str | None, is_proven: bool, needs_token: bool) -> bool:
    """value: what Redis has: "1" (the id is enough), a token, or `sha256:` and the digest of one; "", "0" or none: refused."""
    if value is None or value in ("", "0"):
        return False
    if is_proven and not needs_token:
        return True
    if value == "1":
        return not needs_token
    if token is None:
        return False
    shown = token.encode("utf-8", "surrogateescape")
    if value.startswith(_HASHED):
        return hmac.compare_digest(hashlib.sha256(shown).hexdigest().encode(), value[len(_HASHED):].lower().encode())
    return hmac.compare_digest(shown, value.encode())


def hide(request: Request, config: Any) -> None:
    """The token and the id are not for the upstream."""
    request.clear_header(config.token_header)
    request.clear_header(config.id_header)
    names = {config.id_arg, config.token_arg}
    args = request.query.split("&") if request.query else []
    kept = [arg for arg in args if unquote_plus(arg.partition("=")[0]) not in names]
    if len(kept) < len(args):
        request.set_query("&".join(kept))

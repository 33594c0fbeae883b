"""jwt's `jwks_uri`: keys fetched, refreshed and handed to the reactors, all beside the requests."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgate._core.bridge.remote_keys import key_problem, source_id
from fastgate.clients.http import HttpBounds, HttpClient, HttpError
from fastgate.control.jwk import KeySet, NotAKeySet, PublishedKey, read_key_set
from fastgate.control.tasks import end_all
from fastgate.telemetry.wording import counted

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model

POLL_S = 0.25               # how soon a key nobody knows is noticed
FIRST_RETRY_S = 1.0         # doubled with each failure, up to jwks_refresh
FIRST_S = 5.0               # how long a start or a reload waits for the first answers of new sources
JITTER = 0.1                # gateways that began together do not ask together for ever

log = logging.getLogger("fastgate.control")

_MAX_AGE = re.compile(r"(?:^|,)\s*max-age\s*=\s*\"?(\d{1,9})\"?\s*(?:,|$)", re.IGNORECASE)


def _configs(model: Model) -> Iterator[dict[str, Any]]:
    for plugin in model.plugins:
        if plugin["name"] == "jwt" and plugin["config"]["jwks_uri"] is not None:
            yield plugin["config"]


def next_s(cache_control: str, refresh_s: float, min_refresh_s: float) -> float:
    """When to ask again: as configured, or sooner where the source says that its answer gets old before."""
    found = _MAX_AGE.search(cache_control)
    if found is None or int(found[1]) == 0:         # "do not store" is no rhythm
        return refresh_s
    return min(refresh_s, max(min_refresh_s, int(found[1])))


def retry_s(failed: int, refresh_s: float) -> float:
    """The same after so many failures in a row."""
    return min(refresh_s, FIRST_RETRY_S * 2 ** min(failed - 1, 20))


class Settings(NamedTuple):
    """How one source is asked: of all plugins that name it the wish that asks more, or allows more."""

    uri: str
    ca_file: str | None
    refresh_s: float
    min_refresh_s: float
    timeout_s: float
    most_bytes: int
    most_keys: int

    @classmethod
    def of(cls, config: dict[str, Any]) -> Settings:
        return cls(config["jwks_uri"], config["jwks_ca_file"], config["jwks_refresh"], config["jwks_min_refresh"],
                   config["jwks_timeout"], config["jwks_max_bytes"], config["jwks_max_keys"])

    def and_those(self, other: Settings) -> Settings:
        return self._replace(
            refresh_s=min(self.refresh_s, other.refresh_s), min_refresh_s=min(self.min_refresh_s, other.min_refresh_s),
            timeout_s=max(self.timeout_s, other.timeout_s), most_bytes=max(self.most_bytes, other.most_bytes),
            most_keys=max(self.most_keys, other.most_keys))


class KeySource:
    """One `jwks_uri`, from a configuration to the one that asks it otherwise, or not at all. Its task never raises."""

    def __init__(self, settings: Settings, on_keys: Callable[[], None], before: KeySource | None = None) -> None:
        """on_keys: called with nothing when `keys` has changed. before: asked the same server so far; its keys go on."""
        self.settings = settings
        self.keys: list[PublishedKey] | None = before.keys if before else None      # None: nothing good has come yet
        self.skipped = before.skipped if before else 0
        self.fetches = 0
        self.failures = 0
        self.rotations = 0
        self._on_keys = on_keys
        self._client = HttpClient(HttpBounds(
            connections=1, idle=1, answer_bytes=settings.most_bytes, timeout_s=settings.timeout_s,
            connect_s=settings.timeout_s), ca_file=settings.ca_file)
        self._etag = ""
        self._failed = 0                                # in a row
        self._asked_at = time.monotonic()
        self._good_at = before._good_at if before else self._asked_at
        self._wanted = asyncio.Event()
        self.first: asyncio.Future[None] = asyncio.get_running_loop().create_future()     # it has answered, or failed to
        self._task = asyncio.ensure_future(self._run())

    def want(self) -> None:
        """A token named a key that is not here: ask soon, but not more often than jwks_min_refresh."""
        self._wanted.set()

    @property
    def age_s(self) -> float:
        """Since the source last said what its keys are; since the start, if it never did."""
        return time.monotonic() - self._good_at

    async def close(self) -> None:
        await end_all([self._task])
        await self._client.close()

    async def _run(self) -> None:
        while True:
            self._asked_at = time.monotonic()
            try:
                wait_s = await self._fetch()
            except (HttpError, NotAKeySet) as error:
                wait_s = self._note_failure(str(error))
            except Exception as error:      # a defect of ours: the keys of now go on all the same
                log.exception("jwks_uri %s", self._name())
                wait_s = self._note_failure(repr(error))
            if not self.first.done():
                self.first.set_result(None)
            await self._pause(wait_s * random.uniform(1 - JITTER, 1 + JITTER))

    async def _pause(self, wait_s: float) -> None:
        """Until then, or until a key is wanted and the last question long enough ago."""
        until = time.monotonic() + wait_s
        self._wanted.clear()
        try:
            await asyncio.wait_for(self._wanted.wait(), wait_s)
        except asyncio.TimeoutError:        # another class than TimeoutError before CPython 3.11
            return
        await asyncio.sleep(max(0.0, min(until, self._asked_at + self.settings.min_refresh_s) - time.monotonic()))

    async def _fetch(self) -> float:
        """Seconds until the next time."""
        self.fetches += 1
        fields = {"Accept": "application/jwk-set+json, application/json"}
        if self._etag:
            fields["If-None-Match"] = self._etag
        answer = await self._client.request("GET", self.settings.uri, headers=fields)
        if answer.status == 304 and self._etag:
            self._note_success()
        elif answer.status == 200:
            self._take(read_key_set(answer.body, self.settings.most_keys))
            self._etag = answer.headers.get("etag", "")
        else:
            raise HttpError(f"status {answer.status}")
        return next_s(answer.headers.get("cache-control", ""), self.settings.refresh_s, self.settings.min_refresh_s)

    def _take(self, found: KeySet) -> None:
        skipped = dict(found.skipped)
        keys = []
        for key in found.keys:
            problems = [problem for form in key.forms if (problem := key_problem(*form))]
            if problems:                    # a point on no curve, and the like
                skipped["OpenSSL refuses it"] = skipped.get("OpenSSL refuses it", 0) + 1
            else:
                keys.append(key)
        self.skipped = sum(skipped.values())
        self._note_success()
        if keys == self.keys:
            return
        told = ", ".join(f"{n} × {why}" for why, n in sorted(skipped.items()))
        level = logging.INFO if keys else logging.WARNING
        log.log(level, "jwks_uri %s: %s%s", self._name(), counted(len(keys), "keys"), f"; left out: {told}" if told else "")
        self.rotations += self.keys is not None
        self.keys = keys
        self._on_keys()

    def _note_success(self) -> None:
        if self._failed:
            log.info("jwks_uri %s: answers again", self._name())
        self._failed = 0
        self._good_at = time.monotonic()

    def _note_failure(self, reason: str) -> float:
        self.failures += 1
        self._failed += 1
        if self._failed == 1:
            kept = "no key is known yet" if self.keys is None else f"the keys of before go on ({len(self.keys)})"
            log.warning("jwks_uri %s: %s; %s", self._name(), reason, kept)
        return retry_s(self._failed, self.settings.refresh_s)

    def _name(self) -> str:
        """For logs: the URI without what may be secret in it."""
        return self.settings.uri.partition("?")[0].rpartition("@")[2]


def _wanted(model: Model) -> dict[bytes, Settings]:
    wanted: dict[bytes, Settings] = {}
    for config in _configs(model):
        name, settings = source_id(config), Settings.of(config)
        wanted[name] = settings.and_those(wanted.get(name, settings))
    return wanted


class Jwks:
    """All sources of the running configuration: a part of control/background."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._sources: dict[bytes, KeySource] = {}
        self._staged: dict[bytes, KeySource] = {}                       # new ones of a configuration that is not published yet
        self._ending: set[asyncio.Task] = set()
        self._gone = {"fetches": 0, "failures": 0, "rotations": 0}      # of sources that ended: counters never fall
        self._poller = asyncio.ensure_future(self._poll())

    async def prepare(self, model: Model) -> None:
        """Asks the sources that are new, and waits a while: the first tokens are to find their keys."""
        self.abandon()
        self._staged = {name: KeySource(settings, self._publish) for name, settings in _wanted(model).items()
                        if name not in self._sources}
        if self._staged:
            await asyncio.wait([source.first for source in self._staged.values()], timeout=FIRST_S)

    def abandon(self) -> None:
        """The configuration last prepared was refused."""
        while self._staged:
            self._end(self._staged.popitem()[1])

    def follow(self, model: Model) -> None:
        wanted = _wanted(model)
        self._sources |= self._staged
        self._staged = {}
        for name in self._sources.keys() - wanted.keys():
            self._end(self._sources.pop(name))
        for name, settings in wanted.items():
            before = self._sources.get(name)
            if before is None or before.settings != settings:
                self._sources[name] = KeySource(settings, self._publish, before)
                if before is not None:
                    self._end(before)
        self._publish()

    def _end(self, source: KeySource) -> None:
        for figure in self._gone:
            self._gone[figure] += getattr(source, figure)
        task = asyncio.ensure_future(source.close())
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        self.abandon()
        await end_all([self._poller])
        await asyncio.gather(*self._ending, *(source.close() for source in self._sources.values()),
                             return_exceptions=True)

    def figures(self) -> dict[str, float]:
        sources = self._sources.values()
        return {
            "sources": len(sources),
            "keys": sum(len(source.keys or ()) for source in sources),
            "skipped": sum(source.skipped for source in sources),
            "age_s": max((source.age_s for source in sources), default=0.0),
            **{figure: gone + sum(getattr(source, figure) for source in sources) for figure, gone in self._gone.items()},
        }

    def _publish(self) -> None:
        self._gateway.set_remote_keys({
            name: list(source.keys) for name, source in (self._sources | self._staged).items() if source.keys is not None})

    async def _poll(self) -> None:
        """The reactors only set a mark: nothing of theirs waits for us."""
        while True:
            await asyncio.sleep(POLL_S)
            self._gateway.collect_keys()
            for name in self._gateway.wanted_keys():
                if name in self._sources:
                    self._sources[name].want()

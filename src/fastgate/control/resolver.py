"""Keeps the addresses behind the targets' names up to date, on the control loop.

Order for each name: hosts file, then DNS, then the system (getaddrinfo, for names the
DNS does not know). An answer is looked up again when its TTL ends. When that fails the
last good answer stays in use, for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .addresses import one_family
from .hosts_file import HostsFile
from .lookup import Dns, LookupFailed, NameNotFound, system_lookup

log = logging.getLogger("fastgate.resolver")

CONCURRENT_LOOKUPS = 64
HOSTS_INTERVAL_S = 5.0      # a name from the hosts file: how soon an edit is noticed

OnChange = Callable[[str, int, list[str]], None]


@dataclass(slots=True, eq=False)
class _Name:
    host: str
    answered: asyncio.Future[None]      # done after the first look-up, good or not
    ports: set[int] = field(default_factory=set)
    addresses: tuple[str, ...] = ()
    state: str = "waiting"              # waiting, ok, not found, failed
    source: str = ""                    # hosts, dns, system: where `addresses` are from
    error: str = ""
    next_at: float = 0.0                # of the loop's clock
    task: asyncio.Task[None] | None = None
    is_watched: bool = True


class Resolver:
    """Watches a set of (host, port) names and reports their addresses when they change.

    `settings` is the configuration's `gateway.resolver`: nameservers, timeout (ms),
    min_ttl, max_ttl, not_found_ttl, error_ttl (s). `on_change(host, port, addresses)`
    is called on the loop's thread with at least one address, in a fixed order. All
    methods are to be called on that thread, too.
    """

    def __init__(
        self,
        settings: dict[str, Any],
        on_change: OnChange,
        loop: asyncio.AbstractEventLoop,
        *,
        hosts_path: str = "/etc/hosts",
        resolv_conf: str = "/etc/resolv.conf",
        hosts_interval_s: float = HOSTS_INTERVAL_S,
        system: Callable[[str], Awaitable[tuple[str, ...]]] = system_lookup,
    ) -> None:
        self._on_change = on_change
        self._loop = loop
        self._min_ttl = float(settings["min_ttl"])
        self._max_ttl = float(settings["max_ttl"])
        self._not_found_ttl = float(settings["not_found_ttl"])
        self._error_ttl = float(settings["error_ttl"])
        self._timeout_s = settings["timeout"] / 1000
        self._dns = Dns(settings["nameservers"], self._timeout_s, resolv_conf)
        self._hosts = HostsFile(hosts_path)
        self._hosts_interval_s = hosts_interval_s
        self._system = system
        self._places = asyncio.Semaphore(CONCURRENT_LOOKUPS)
        self._names: dict[str, _Name] = {}
        self._failures = 0
        self._not_found = 0
        self._changes = 0

    def watch(self, names: Iterable[tuple[str, int]], wait_s: float | None = None) -> asyncio.Task[list[tuple[str, int]]]:
        """Replaces the watched set.

        Names of the hosts file, and known names with a new port, are reported before
        this returns. The task it returns ends when every name had its first look-up, or
        after `wait_s` (the look-ups' time-out unless told): its result are the names
        that have no address yet. Nobody has to wait for it.
        """
        wanted: dict[str, set[int]] = {}
        for host, port in names:
            wanted.setdefault(host, set()).add(port)
        for host in self._names.keys() - wanted.keys():
            self._forget(self._names.pop(host))
        for host, ports in wanted.items():
            name = self._names.get(host)
            if name is None:
                name = self._names[host] = _Name(host, self._loop.create_future(), ports)
                delay = self._look_in_hosts(name)
                name.task = self._loop.create_task(self._follow(name, delay), name=f"resolve {host}")
            else:
                new_ports = ports - name.ports
                name.ports = ports
                if name.addresses:
                    self._report(name, new_ports)
        wait_s = self._timeout_s if wait_s is None else wait_s
        return self._loop.create_task(self._first_answers(list(self._names.values()), wait_s))

    def addresses(self, host: str) -> list[str]:
        """The last good addresses of a watched name; [] when there were none yet."""
        name = self._names.get(host)
        return list(name.addresses) if name else []

    async def close(self) -> None:
        """Stops all look-ups. Nothing is reported from here on."""
        tasks = [name.task for name in self._names.values() if name.task]
        for name in self._names.values():
            self._forget(name)
        self._names.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def state(self) -> dict[str, Any]:
        """Counters, and per name what is known, for `/status`."""
        now = self._loop.time()
        return {
            "queries": self._dns.questions,
            "failures": self._failures,
            "not_found": self._not_found,
            "changes": self._changes,
            "names": {
                name.host: {
                    "state": name.state,
                    "source": name.source,
                    "addresses": list(name.addresses),
                    "error": name.error,
                    "next_lookup_s": round(max(0.0, name.next_at - now), 3),
                }
                for name in self._names.values()
            },
        }

    def _forget(self, name: _Name) -> None:
        # Before Python 3.12 asyncio.wait_for (in dnspython) can swallow a cancellation
        # that comes together with the answer, so the task is told by a flag as well.
        name.is_watched = False
        if name.task:
            name.task.cancel()
        if not name.answered.done():
            name.answered.set_result(None)

    async def _first_answers(self, names: list[_Name], wait_s: float) -> list[tuple[str, int]]:
        waiting = [name.answered for name in names if not name.answered.done()]
        if waiting:
            await asyncio.wait(waiting, timeout=wait_s)
        return [(name.host, port) for name in names if not name.addresses for port in sorted(name.ports)]

    async def _follow(self, name: _Name, delay: float | None) -> None:
        while True:
            if delay is None:
                try:
                    async with self._places:
                        delay = await self._look_up(name)
                except Exception:
                    # A defect in here or below must not end the following of this name.
                    log.exception("looking up %s failed unexpectedly", name.host)
                    delay = self._fail(name, "failed", "internal error")
                if not name.answered.done():
                    name.answered.set_result(None)
            if not name.is_watched:
                return
            name.next_at = self._loop.time() + delay
            await asyncio.sleep(delay)
            delay = self._look_in_hosts(name)

    def _look_in_hosts(self, name: _Name) -> float | None:
        """Seconds to the next look, or None when the name is not in the hosts file."""
        addresses = self._hosts.lookup(name.host)
        if not addresses:
            return None
        self._accept(name, one_family(addresses), "hosts")
        if not name.answered.done():
            name.answered.set_result(None)
        return self._hosts_interval_s

    async def _look_up(self, name: _Name) -> float:
        """One look-up in DNS and system; seconds to the next."""
        try:
            answer = await self._dns.lookup(name.host)
            self._accept(name, answer.addresses, "dns")
            return min(max(answer.ttl, self._min_ttl), self._max_ttl)
        except LookupFailed as error:
            return self._fail(name, "failed", str(error))
        except NameNotFound as unknown:
            try:
                self._accept(name, await self._system(name.host), "system")
            except NameNotFound:
                return self._fail(name, "not found", str(unknown))
            return self._not_found_ttl      # the system tells no TTL

    def _fail(self, name: _Name, state: str, error: str) -> float:
        if state == "failed":
            self._failures += 1
        else:
            self._not_found += 1
        if name.state != state:
            kept = f"using {', '.join(name.addresses)} on" if name.addresses else "it has no address"
            log.warning("name %s %s: %s; %s", name.host, state, error, kept)
        name.state, name.error = state, error
        return self._error_ttl if state == "failed" else self._not_found_ttl

    def _accept(self, name: _Name, addresses: tuple[str, ...], source: str) -> None:
        if name.state in ("failed", "not found"):
            log.info("name %s resolves again", name.host)
        name.state, name.error, name.source = "ok", "", source
        if addresses == name.addresses:
            return
        name.addresses = addresses
        self._changes += 1
        log.info("name %s is now %s (%s)", name.host, ", ".join(addresses), source)
        self._report(name, name.ports)

    def _report(self, name: _Name, ports: set[int]) -> None:
        for port in sorted(ports) if name.is_watched else ():
            try:
                self._on_change(name.host, port, list(name.addresses))
            except Exception:
                # The receiver's defect; the next change is to be reported all the same.
                log.exception("new addresses of %s:%d could not be used", name.host, port)

"""The host names of a configuration: resolved before it is published, followed while it runs.

A configuration without names (addresses and Unix sockets only) loads no resolver.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from fastgate.config.applications import is_application
from fastgate.control.host_names import Name, names_of

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model
    from fastgate.control.resolver import Resolver

log = logging.getLogger("fastgate.control")


class Names:
    """Owner: the lifecycle. Keeps the gateway told of the addresses behind the names it uses."""

    def __init__(self, gateway: "Gateway", settings: dict) -> None:
        self._gateway = gateway
        self._settings = settings
        self._resolver: "Resolver | None" = None
        self._in_use: set[Name] = set()

    async def prepare(self, model: "Model") -> None:
        """Before `model` is published: looks up its new names, for as long as a look-up may take, and
        tells the gateway, so that the new snapshot has their addresses from its first request on."""
        wanted = names_of(model)
        if not wanted and self._resolver is None:
            return
        if self._resolver is None:
            from fastgate.control.resolver import Resolver

            self._resolver = Resolver(self._settings, self._gateway.set_addresses, asyncio.get_running_loop())
        for host, port in await self._resolver.watch(self._in_use | wanted):
            log.warning("%s:%d has no address yet: its requests are answered with 503 until it has", host, port)
        self._tell(wanted)      # once more: meanwhile the gateway may have forgotten what no snapshot used

    def settle(self) -> None:
        """After a publish, or its refusal: follows exactly what the running snapshot uses."""
        if self._resolver is None:
            return
        self._in_use = {name for name in self._gateway.upstream_names() if not is_application(name[0])}
        self._resolver.watch(self._in_use)
        self._tell(self._in_use)

    def figures(self) -> dict[str, int] | None:
        """For `/status` and `/metrics`; None: there is no name to resolve."""
        if self._resolver is None:
            return None
        state = self._resolver.state()
        names = state["names"].values()
        return {"names": len(names), "stale": sum(n["state"] != "ok" and bool(n["addresses"]) for n in names),
                "queries": state["queries"], "failures": state["failures"]}

    async def close(self) -> None:
        if self._resolver is not None:
            await self._resolver.close()
            self._resolver = None

    def _tell(self, names: set[Name]) -> None:
        for host, port in sorted(names):
            self._gateway.set_addresses(host, port, self._resolver.addresses(host))

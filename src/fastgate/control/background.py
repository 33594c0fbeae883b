"""What works for policies on the control loop, beside the reactors: keys fetched, counts exchanged, bans shared.

Light: a part is imported when a configuration first needs it.
"""

import asyncio
import logging
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from fastgate.aside import aside

if TYPE_CHECKING:
    from fastgate._core.bridge.gateway import Gateway
    from fastgate.config import Model


log = logging.getLogger("fastgate.control")


class Part(Protocol):
    """Made on the control loop with the Gateway; lives until the gateway ends. Its tasks may not raise."""

    def follow(self, model: "Model") -> None:
        """This configuration has just been published, perhaps without anything for this part. Returns at once."""

    async def close(self) -> None:
        """The reactors have ended."""

    def figures(self) -> dict[str, float]:
        """For `/metrics`."""


class PreparedPart(Part, Protocol):
    """One that wants to be ready before requests need it. Behind `prepare` follows `follow` or, refused, `abandon`."""

    async def prepare(self, model: "Model") -> None:
        """This configuration is about to be published. May wait, but not for long: a start or a reload waits with it."""

    def abandon(self) -> None:
        """It was refused."""


class Kind(NamedTuple):
    """A part that there may be."""

    is_needed: "Callable[[Model], bool]"
    place: str              # "module:class"
    prepares: bool = False  # it is a PreparedPart


def _has_jwks(model: "Model") -> bool:
    return any(plugin["name"] == "jwt" and plugin["config"]["jwks_uri"] is not None for plugin in model.plugins)


def _shares_bans(model: "Model") -> bool:
    return model.gateway["redis"] is not None and any(plugin["name"] == "anti-bot" for plugin in model.plugins)


def _shares_limits(model: "Model") -> bool:
    return any(entity["name"] == "rate-limiting" and entity["config"]["policy"] == "redis" for entity in model.plugins)


KINDS: dict[str, Kind] = {
    "jwks": Kind(_has_jwks, "fastgate.control.jwks:Jwks", prepares=True),
    "bans": Kind(_shares_bans, "fastgate.control.ban_exchange:BanExchange"),
    "limit_exchange": Kind(_shares_limits, "fastgate.control.limit_exchange:LimitExchange"),
}


def needs_background(model: "Model") -> bool:
    return any(kind.is_needed(model) for kind in KINDS.values())


class Background:
    """Owner: the lifecycle."""

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._parts: dict[str, Part] = {}

    async def prepare(self, model: "Model") -> None:
        """Before the model is published. Imports, in a thread, what its parts need: that takes the time of many requests."""
        for name, kind in KINDS.items():
            if not kind.is_needed(model):
                continue
            if name not in self._parts:
                await aside("import", import_module, kind.place.partition(":")[0])
            if kind.prepares:
                await self._made(name, kind).prepare(model)

    def abandon(self) -> None:
        """What was prepared is refused."""
        for name, part in self._parts.items():
            if KINDS[name].prepares:
                part.abandon()

    def _made(self, name: str, kind: Kind) -> Any:
        if name not in self._parts:
            module, _, part = kind.place.partition(":")
            self._parts[name] = getattr(import_module(module), part)(self._gateway)
        return self._parts[name]

    def follow(self, model: "Model") -> None:
        """Never raises: the model runs already. A part that fails is asked again with the next one."""
        for name, kind in KINDS.items():
            try:
                if name in self._parts or kind.is_needed(model):
                    self._made(name, kind).follow(model)
            except Exception:
                log.exception("%s: what works beside the requests could not follow the configuration", name)

    def part(self, name: str) -> Part | None:
        """None: no configuration has needed it."""
        return self._parts.get(name)

    def figures(self) -> dict[str, dict[str, float]]:
        return {name: part.figures() for name, part in self._parts.items()}

    async def close(self) -> None:
        ends = await asyncio.gather(*(part.close() for part in self._parts.values()), return_exceptions=True)
        for name, end in zip(self._parts, ends):
            if isinstance(end, Exception):
                log.error("%s: closing it failed", name, exc_info=end)

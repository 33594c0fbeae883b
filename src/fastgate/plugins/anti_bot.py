"""anti-bot: bans addresses that behave like robots, for a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastgate.config.schema import Record, boolean, field, integer, number, text

from .parts import network_list, texts

NAME = "anti-bot"
PRIORITY = 2400
TAKES_CONSUMER = False
is_native = True

_FULL = Record("full", {
    "requests": field(integer(1, 1_000_000), 300),
    "paths": field(integer(1, 200), 60),
    "misses": field(integer(1, 1_000_000), 30),
    "sequence": field(integer(1, 1_000_000), 20),
    "agents": field(integer(1, 10_000), 10),
})

_weight = integer(0, 10_000)
_WEIGHTS = Record("weights", {
    "requests": field(_weight, 60),
    "paths": field(_weight, 30),
    "misses": field(_weight, 40),
    "sequence": field(_weight, 30),
    "agents": field(_weight, 40),
    "probe": field(_weight, 35),
})

CONFIG = Record("anti-bot's config", {
    "window": field(number(1, 3600), 10),
    "threshold": field(integer(1, 100_000), 100),
    "full": field(_FULL.read, _FULL.defaults()),
    "weights": field(_WEIGHTS.read, _WEIGHTS.defaults()),
    "probes": texts(),
    "exempt": network_list(),
    "ban_ttl": field(number(1, 31_536_000), 3600),
    "status": field(integer(200, 599), 403),
    "message": field(text(), "Forbidden"),
    "dry_run": field(boolean, False),
})


def patterns(config: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for at, pattern in enumerate(config["probes"]):
        yield ("probes", at), pattern

"""bot-detection: refuses by User-Agent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastgate.config.schema import Record

from .parts import texts

NAME = "bot-detection"
PRIORITY = 2500
TAKES_CONSUMER = False
is_native = True

CONFIG = Record("bot-detection's config", {
    "allow": texts(),
    "deny": texts(),
}, hints={"whitelist": "whitelist is the older name; write allow", "blacklist": "blacklist is the older name; write deny"})


def patterns(config: dict[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    for name in ("allow", "deny"):
        for at, pattern in enumerate(config[name]):
            yield (name, at), pattern

"""request-mirror: a copy of each request for another service, whose answer nobody waits for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastgate.config.schema import Problems, Record, Rule, field, integer, number
from fastgate.config.services import parse_url

from .parts import Reference, plain

NAME = "request-mirror"
PRIORITY = 12
is_native = True

TARGETS = ("service", "upstream", "url")


def _choose_one(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    given = [key for key in TARGETS if config[key] is not None]
    if not given:
        problems.append(((), f"request-mirror needs a target: one of {', '.join(TARGETS)}"))
    elif len(given) > 1:
        problems.append(((given[1],), f"request-mirror has one target; remove {' or '.join(given)}"))


def _url(value: Any, problems: Problems) -> Any:
    return value if parse_url(value, problems) is not None else None


CONFIG = Record("request-mirror's config", {
    "service": field(plain),
    "upstream": field(plain),
    "url": field(_url),
    "percent": field(number(0, 100), 100),
    "max_body": field(integer(0, 64 * 1024 * 1024), 65536),
    "max_answer": field(integer(0, 2**31 - 1), 1048576),
    "max_pending": field(integer(1, 65535), 100),
    "timeout": field(integer(1, 600_000), 10_000),
}, rules=(Rule(TARGETS, _choose_one),))


def references(config: dict[str, Any]) -> Iterator[Reference]:
    if config["service"] is not None:
        yield Reference("services", config, "service", ("service",))
    if config["upstream"] is not None:
        yield Reference("upstreams", config, "upstream", ("upstream",))


def targets(config: dict[str, Any]) -> list[tuple[str, int]]:
    return [parse_url(config["url"], [])[1:3]] if config["url"] is not None else []

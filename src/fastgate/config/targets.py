"""The target: one address and weight in an upstream."""

from __future__ import annotations

from typing import Any

from . import fields
from .addresses import UNIX, joined, split_port, unix_problem
from .errors import shown
from .schema import Problems, Record, Rule, field, integer, text

DEFAULT_PORT = 8000


def _target_problem(value: str) -> str | None:
    if value.startswith(UNIX):
        return unix_problem(value)
    if split_port(value) is None:
        return f'{shown(value)} is not "host", "host:port", "[IPv6]:port" or "unix:/path"'
    return None


def _split_target(target: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    value = target["target"]
    if value is None or value.startswith(UNIX):
        target["host"], target["port"] = value, 0
        return
    host, port = split_port(value)  # type: ignore[misc]
    target["host"], target["port"] = host, DEFAULT_PORT if port is None else port


TARGET = Record("a target", {
    **fields.common(stamps=fields.moment),
    "target": field(text(_target_problem), is_required=True),
    "weight": field(integer(0, 65535), 100),
    "upstream": field(fields.reference),
}, rules=(Rule(("target",), _split_target),), computed={"host": None, "port": 0})


def normalize(target: dict[str, Any]) -> None:
    """Gives `target` its one form "host:port". After its id is made: Kong makes
    ids from the text as it was written."""
    host = target["host"]
    if host is not None and not host.startswith(UNIX):
        target["target"] = joined(host, target["port"])

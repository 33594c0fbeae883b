"""Which plugins there are. A module is imported when a configuration names its plugin, not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

_MODULES = {
    "acl": "acl",
    "anti-bot": "anti_bot",
    "basic-auth": "basic_auth",
    "bot-detection": "bot_detection",
    "correlation-id": "correlation_id",
    "cors": "cors",
    "hmac-auth": "hmac_auth",
    "ip-restriction": "ip_restriction",
    "jwt": "jwt",
    "key-auth": "key_auth",
    "rate-limiting": "rate_limiting",
    "redirect": "redirect",
    "request-mirror": "request_mirror",
    "request-size-limiting": "request_size_limiting",
    "request-termination": "request_termination",
    "request-transformer": "request_transformer",
    "response-transformer": "response_transformer",
    "traffic-split": "traffic_split",
}


class Registry(Mapping[str, ModuleType]):
    """Plugin name → its module; looking one up imports it."""

    def __getitem__(self, name: str) -> ModuleType:
        return import_module(f"fastgate.plugins.{_MODULES[name]}")

    def __contains__(self, name: object) -> bool:
        return name in _MODULES

    def __iter__(self) -> Iterator[str]:
        return iter(_MODULES)

    def __len__(self) -> int:
        return len(_MODULES)


PLUGINS = Registry()


def find_python(folder: str | None, trust: list[str] | None = None) -> tuple[Mapping[str, Any], list[str]]:
    """The plugins written in Python, and what is wrong with those that can't be used. See `discovery`."""
    from .discovery import find

    return find(folder, trust)

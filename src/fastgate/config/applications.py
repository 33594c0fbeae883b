"""Services that are ASGI applications in the gateway's own process: `url: asgi:package.module:app`."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .errors import shown
from .schema import Problems

ASGI = "asgi:"
LONGEST = 107   # a target's name has as much room as a Unix socket's path (PEER_NAME_BYTES of _core/upstream/peer.pxd)

# The application's name without "asgi:", gateway.asgi.path → why it can't be used, or None
FindApplication = Callable[[str, "str | None"], "str | None"]

_NAME = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*(?:\(\))?\Z")


def application_problem(address: str) -> str | None:
    """What is wrong with "asgi:package.module:app"."""
    if not _NAME.match(address[len(ASGI):]):
        return (f'{shown(address)} is not "asgi:package.module:app", a module and the application in it, or '
                '"asgi:package.module:create_app()", a function that makes one')
    if len(address.encode()) > LONGEST:
        return f"the application's name is longer than {LONGEST} bytes"
    return None


def is_application(host: str) -> bool:
    return host.startswith(ASGI)


def check_applications(services: list[tuple[dict[str, Any], tuple[str | int, ...]]], find: FindApplication,
                       settings: dict[str, Any] | None, problems: Problems) -> None:
    """Imports each application. One that can't be used is said once for each service."""
    known: dict[str, str | None] = {}
    for service, path in services:
        host = service["host"]
        if host is None or not is_application(host) or not service["enabled"]:
            continue
        if host not in known:
            known[host] = find(host[len(ASGI):], (settings or {}).get("path"))
        problem = known[host]
        if problem is not None:
            problems.append(((*path, "url"), problem))


def keep_hosts(services: list[dict[str, Any]], routes: list[dict[str, Any]]) -> None:
    """An application is told the host that the client asked: it has none of its own, and makes links from it."""
    ids = {service["id"] for service in services if is_application(service["host"])}
    if ids:
        for route in routes:
            if route["service"] in ids:
                route["preserve_host"] = True

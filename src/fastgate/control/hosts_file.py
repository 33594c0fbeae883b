"""The hosts file: names with fixed addresses, read again when the file changes."""

from __future__ import annotations

import logging
import os
from ipaddress import ip_address

log = logging.getLogger("fastgate.resolver")

LOOPBACK = ("127.0.0.1", "::1")


class HostsFile:
    """Names of one hosts file (hosts(5)). Names compare without regard to case."""

    def __init__(self, path: str = "/etc/hosts") -> None:
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        self._names: dict[str, list[str]] = {}

    def lookup(self, name: str) -> tuple[str, ...]:
        """Addresses of `name` in the file's order; () when it is not there.

        `localhost` and names below it are loopback even without a line (RFC 6761, 6.3).
        """
        self._refresh()
        name = name.lower().rstrip(".")
        if found := self._names.get(name):
            return tuple(found)
        return LOOPBACK if name == "localhost" or name.endswith(".localhost") else ()

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if stamp == self._stamp:
                return
            with open(self._path, encoding="utf-8", errors="replace") as file:
                names = _parse(file)
        except FileNotFoundError:
            stamp, names = None, {}
        except OSError as error:
            # It was readable before or never: what was read last still counts.
            log.warning("cannot read %s: %s", self._path, error.strerror)
            return
        self._stamp, self._names = stamp, names


def _parse(lines) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for line in lines:
        address, *aliases = line.partition("#")[0].split() or [""]
        try:
            address = str(ip_address(address))
        except ValueError:
            continue        # not an address, or one with a scope we cannot connect to
        for alias in aliases:
            known = names.setdefault(alias.lower().rstrip("."), [])
            if address not in known:
                known.append(address)
    return names

"""The bans of anti-bot as people and other tools name them: listed, made and lifted by command."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgate._core.bridge.bans import Bans

MOST_SECONDS = 31_536_000
NS_PER_S = 1_000_000_000
_MAPPED = b"\0" * 10 + b"\xff\xff"


def text_of(address: bytes) -> str:
    """16 bytes of address: "192.0.2.1", or "2001:db8:1:2::/64"."""
    import ipaddress        # costs memory that most gateways, which ban nobody, need not have

    if address.startswith(_MAPPED):
        return str(ipaddress.IPv4Address(address[12:]))
    return f"{ipaddress.IPv6Address(address)}/64"


def address_of(text: str) -> bytes:
    """An IPv4 address; an IPv6 address, or its /64. Raises ValueError."""
    import ipaddress

    try:
        found = ipaddress.ip_address(text.removesuffix("/64") if ":" in text else text)
    except ValueError:
        raise ValueError(f'"{text}" is no IP address: write 192.0.2.1, 2001:db8::1 or 2001:db8::/64') from None
    return _MAPPED + found.packed if found.version == 4 else found.packed


class BanCommands:
    """Owner: the lifecycle. `on_lift`: told what Redis shall forget, as text_of has it."""

    def __init__(self, bans: Bans, on_lift: Callable[[str], None]) -> None:
        self._bans = bans
        self._on_lift = on_lift

    async def list(self) -> dict[str, Any]:
        """"bans": address, seconds left, score (0: not by a score), whether Redis has it; the longest first."""
        now_ns = time.monotonic_ns()
        found = [{"address": text_of(ban.address), "seconds": round((ban.until_ns - now_ns) / NS_PER_S, 1), "score": ban.score,
                  "shared": ban.is_shared} for ban in self._bans.read()]
        return _done(bans=sorted(found, key=lambda ban: (-ban["seconds"], ban["address"])))

    async def add(self, address: Any = "", seconds: Any = 3600) -> dict[str, Any]:
        if type(seconds) not in (int, float) or not 1 <= seconds <= MOST_SECONDS:
            return _refused(f"a ban of {seconds!r} seconds: give 1 to {MOST_SECONDS}")
        try:
            raw = address_of(str(address))
        except ValueError as error:
            return _refused(str(error))
        self._bans.add(raw, time.monotonic_ns() + round(seconds * NS_PER_S))
        return _done(address=text_of(self._bans.network(raw)))

    async def lift(self, address: Any = "") -> dict[str, Any]:
        try:
            raw = self._bans.network(address_of(str(address)))
        except ValueError as error:
            return _refused(str(error))
        if not self._bans.lift(raw):
            return _refused(f"{text_of(raw)} is not banned")
        self._on_lift(text_of(raw))
        return _done(address=text_of(raw))


def _done(**more: Any) -> dict[str, Any]:
    return {"ok": True, "errors": [], "warnings": [], **more}


def _refused(error: str) -> dict[str, Any]:
    return {"ok": False, "errors": [error], "warnings": []}

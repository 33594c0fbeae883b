"""Small facts about IP addresses: parsing, order, and which family this host can use."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import ip_address

# Documentation prefixes (RFC 5737, RFC 3849): nobody is there, and a route is all we ask for.
_FAR_IPV4 = ("192.0.2.1", 9)
_FAR_IPV6 = ("2001:db8::1", 9)


def split_address(text: str, default_port: int) -> tuple[str, int]:
    """`"192.0.2.1"`, `"192.0.2.1:53"`, `"2001:db8::1"` or `"[2001:db8::1]:53"` as (address, port).

    Raises ValueError when the address is none or the port is not 1..65535.
    """
    address, port = text, str(default_port)
    if text.startswith("["):
        address, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not [address]:port")
        port = rest[1:] if rest else port
    elif text.count(":") == 1:
        address, _, port = text.partition(":")
    if not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError(f"{text!r} has no port in 1..65535")
    return str(ip_address(address)), int(port)


def in_order(addresses: Iterable[str]) -> tuple[str, ...]:
    """Each address once, IPv4 before IPv6, by number: answers rotate, sets compare."""
    parsed = {ip_address(address) for address in addresses}
    return tuple(map(str, sorted(parsed, key=lambda address: (address.version, int(address)))))


def one_family(addresses: Iterable[str], prefer: int = 4) -> tuple[str, ...]:
    """The addresses of the preferred IP version, or if there are none, the others."""
    ordered = in_order(addresses)
    return tuple(a for a in ordered if ip_address(a).version == prefer) or ordered


def preferred_version() -> int:
    """4, or 6 on a host that has a route for IPv6 only. Sends nothing."""
    return 6 if not _has_route(socket.AF_INET, _FAR_IPV4) and _has_route(socket.AF_INET6, _FAR_IPV6) else 4


def _has_route(family: int, address: tuple[str, int]) -> bool:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)      # of a datagram socket: looks up the route, no more
    except OSError:
        return False
    return True

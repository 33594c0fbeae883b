"""Host names, addresses and ports as text: what is valid, and one normal form."""

from __future__ import annotations

import re

from .errors import shown

_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
                   r"(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?\Z")
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}\Z")
_NUMERIC = re.compile(r"[0-9.]+\Z")
_PORT = re.compile(r"[0-9]{1,5}\Z")

UNIX = "unix:"
LONGEST_UNIX_PATH = 107  # sun_path holds 108 bytes with its closing NUL


def is_ipv4(text: str) -> bool:
    return _IPV4.match(text) is not None


def is_ipv6(text: str) -> bool:
    if ":" not in text or "%" in text:
        return False
    from socket import AF_INET6, inet_pton      # a gateway has that anyway; ipaddress is large

    try:
        inet_pton(AF_INET6, text)
    except (OSError, ValueError):
        return False
    return True


def is_name(text: str) -> bool:
    """A host name. All-numeric ones are misspelt IPv4 addresses, not names."""
    return _NAME.match(text) is not None and not _NUMERIC.match(text)


def unbracketed(host: str) -> str:
    return host[1:-1] if host[:1] == "[" and host[-1:] == "]" else host


def host_problem(host: str) -> str | None:
    """What is wrong with a host without port: a name, an IPv4 or an IPv6 address."""
    if is_ipv4(host) or is_name(host) or is_ipv6(unbracketed(host)):
        return None
    bare, colon, port = host.rpartition(":")
    if colon and _PORT.match(port) and ":" not in bare:
        return f"{shown(host)} has a port in it; the port goes into its own field"
    return f"{shown(host)} is neither a host name nor an IP address"


def unix_problem(address: str) -> str | None:
    """What is wrong with "unix:/path"."""
    path = address[len(UNIX):]
    if path[:1] != "/":
        return f'{shown(address)} needs an absolute path: "unix:/run/app.sock"'
    if len(path.encode("utf-8", "surrogatepass")) > LONGEST_UNIX_PATH:
        return f"the socket's path is longer than {LONGEST_UNIX_PATH} bytes, the system's limit"
    return None


def split_port(text: str) -> tuple[str, int | None] | None:
    """`host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address as (host
    without brackets, port or None); None when the port is no port or the host no host."""
    if is_ipv6(text):
        return text, None
    host, port = text, None
    if text[:1] == "[":
        host, bracket, rest = text[1:].partition("]")
        if not bracket or not is_ipv6(host):
            return None
        if not rest:
            return host, None
        if rest[0] != ":":
            return None
        text_port = rest[1:]
    else:
        host, colon, text_port = text.partition(":")
        if not (is_ipv4(host) or is_name(host)):
            return None
        if not colon:
            return host, None
    if not _PORT.match(text_port):
        return None
    port = int(text_port)
    return (host, port) if port <= 65535 else None


def joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def cidr_problem(text: str) -> str | None:
    """What is wrong with an address or CIDR range, also a range with host bits set."""
    import ipaddress

    if "%" in text:
        return f"{shown(text)} has a zone, one machine's own name for an interface: leave it out"
    try:
        ipaddress.ip_network(text)
    except ValueError:
        pass
    else:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return f'{shown(text)} is neither an IP address nor a range like "10.0.0.0/8"'
    return f'{shown(text)} has bits set outside its mask; write "{network}"'

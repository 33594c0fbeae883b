"""Header fields as plugins may set them: what would break a message is refused here."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,256}\Z")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*\Z")
_MOST_VALUE = 16384
MOST_BYTES = 32768          # all the fields one verdict adds

# The connection's and the framing's: the gateway's own to set.
NOT_A_PLUGINS = frozenset((
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade", "sec-websocket-key", "sec-websocket-version", "sec-websocket-accept"))
# In a request, what the gateway itself tells the upstream of the client.
WRITTEN_HERE = frozenset((
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-path", "x-forwarded-port", "x-forwarded-prefix",
    "x-forwarded-proto", "x-real-ip"))


def first_value(fields: Iterable[tuple[str, str]], wanted: str, default: str | None) -> str | None:
    """Of the first field of that name, in any case."""
    wanted = wanted.lower()
    return next((value for name, value in fields if name.lower() == wanted), default)


def request_name(name: str) -> bytes:
    """Of a field to add to a request. Raises ValueError."""
    encoded = field_name(name)
    if name.lower() in WRITTEN_HERE:
        raise ValueError(f"the gateway itself writes the request's {name}: a plugin can't set it")
    return encoded


def field_name(name: str) -> bytes:
    """Raises ValueError."""
    if not isinstance(name, str) or not _TOKEN.match(name):
        raise ValueError(f"{name!r} can't be a header's name")
    if name.lower() in NOT_A_PLUGINS:
        raise ValueError(f"the header {name} is the gateway's own: a plugin can't change it")
    return name.encode("ascii")


def field_value(name: str, value: str) -> bytes:
    """Raises ValueError."""
    if not isinstance(value, str):
        raise ValueError(f"the value of the header {name} must be text, not {type(value).__name__}")
    if len(value) > _MOST_VALUE:
        raise ValueError(f"the value of the header {name} has {len(value)} characters; the most is {_MOST_VALUE}")
    value = value.strip(" \t")
    if not _VALUE.match(value):
        raise ValueError(f"the value of the header {name} has a control character, or one outside Latin-1, in it")
    return value.encode("latin-1")


def field_pairs(headers: Mapping[str, str] | Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Raises ValueError."""
    given = headers.items() if isinstance(headers, Mapping) else headers
    pairs = [(field_name(name), field_value(name, value)) for name, value in given]
    size = sum(len(name) + len(value) for name, value in pairs)
    if size > MOST_BYTES:
        raise ValueError(f"{size} bytes of headers; the most a plugin may answer with is {MOST_BYTES}")
    return pairs


def encoded_pairs(pairs: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What `field_pairs` made, checked once more. Raises ValueError."""
    found = list(pairs)
    for pair in found:
        if type(pair) is not tuple or [type(one) for one in pair] != [bytes, bytes]:
            raise ValueError(f"a response's headers are pairs of bytes once it is made; not {pair!r}")
    return field_pairs([(name.decode("latin-1"), value.decode("latin-1")) for name, value in found]) if found else found

"""The contestants. `fastgate=DIR` is the gateway built in another tree: two revisions in one run."""

from __future__ import annotations

from pathlib import Path

from . import fastgate, haproxy, nginx, openresty, relay
from .peer import Peer, Setup, route_path
from .policy import PYTHON, PYTHON_PATH, policy_headers

__all__ = ["DEFAULT", "OURS", "PYTHON", "PYTHON_PATH", "TAKES_POLICY", "Peer", "Setup", "choose", "policy_headers",
           "route_path"]

# The relay runs twice: what its two copies differ by is the noise floor (A/A).
FLOOR = "relay"
FLOOR_AGAIN = "relay-again"
OURS = "fastgate"
TAKES_POLICY = (OURS, "openresty")      # the others know no keys or tokens
DEFAULT = [FLOOR, FLOOR_AGAIN, OURS, "nginx", "haproxy", "openresty"]


def choose(names: list[str]) -> list[Peer]:
    """The peers of those names. ValueError: no such name, or one twice."""
    makers = {
        FLOOR: relay.peer,
        FLOOR_AGAIN: lambda: relay.peer(FLOOR_AGAIN, "byte relay again (A/A)"),
        OURS: fastgate.peer,
        "nginx": nginx.peer,
        "haproxy": haproxy.peer,
        "openresty": openresty.peer,
    }
    chosen: list[Peer] = []
    for name in names:
        if name.startswith(f"{OURS}="):
            chosen.append(fastgate.peer(name, Path(name.partition("=")[2]).resolve()))
        elif name in makers:
            chosen.append(makers[name]())
        else:
            raise ValueError(f"no peer {name!r}: choose from {', '.join(makers)}, {OURS}=DIR")
    if len({peer.name for peer in chosen}) < len(chosen):
        raise ValueError("a peer is named twice")
    return chosen

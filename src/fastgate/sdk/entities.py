"""Who asks, and for what: parts of the configuration that a request has to do with."""

from __future__ import annotations

from typing import NamedTuple


class Consumer(NamedTuple):
    """Who asks, as an authentication plugin found out."""

    id: str
    username: str | None
    custom_id: str | None
    credential: str | None      # id of what the consumer showed; None: nothing, it is the anonymous one


class Route(NamedTuple):
    name: str                   # or its id, when it has none; empty: the request has no route


class Service(NamedTuple):
    name: str                   # or its id, when it has none


class Outcome(NamedTuple):
    """How a request ended, for the log phase."""

    status: int                 # told to the client; 0: none, it left
    upstream_status: int        # 0: no upstream answered
    started_at: float           # Unix time
    seconds: float              # from the request's first byte to the answer's last
    upstream_seconds: float     # of them, what the upstream took

"""What the status listener answers: Kong's Status API (`/status`, `/status/ready`) and `/metrics`."""

import json
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from fastgate._version import __version__
from fastgate.telemetry.process import process_figures
from fastgate.telemetry.source import StatusSource

JSON_TYPE = "application/json; charset=utf-8"


class Answer(NamedTuple):
    """An answer; a body that is not bytes is text sent block by block, as it is made."""

    status: int
    content_type: str
    body: bytes | Iterable[str]
    allow: str = ""


def json_answer(status: int, body: dict[str, Any], allow: str = "") -> Answer:
    return Answer(status, JSON_TYPE, json.dumps(body).encode(), allow)


def answer(source: StatusSource, method: str, path: str) -> Answer:
    """The answer to a request for this path (without its query)."""
    if path not in ("/status", "/status/ready", "/metrics"):
        return json_answer(404, {"message": "Not found"})
    if method not in ("GET", "HEAD"):
        return json_answer(405, {"message": "Method not allowed"}, allow="GET, HEAD")
    if path == "/status":
        return json_answer(200, status_body(source))
    if path == "/status/ready":
        reason = source.not_ready()
        return json_answer(503, {"message": reason}) if reason else json_answer(200, {"message": "ready"})
    from fastgate.telemetry.prometheus import CONTENT_TYPE, exposition

    return Answer(200, CONTENT_TYPE, exposition(source))


def status_body(source: StatusSource) -> dict[str, Any]:
    """The body of `/status`.

    `server` has the members of Kong's. The gateway doesn't follow each connection's state,
    so `connections_writing` are those with a request being answered, `connections_waiting`
    all others, and `connections_reading` is always 0.
    """
    counters = source.counters()
    snapshot = source.snapshot()
    figures = process_figures()
    active = source.active()
    writing = min(active, counters["requests_active"])
    return {
        "server": {
            "connections_accepted": counters["connections_accepted"] + counters["connections_refused"],
            "connections_handled": counters["connections_accepted"],
            "connections_active": active,
            "connections_reading": 0,
            "connections_writing": writing,
            "connections_waiting": active - writing,
            "total_requests": counters["requests"],
        },
        "memory": {
            "resident_bytes": figures.get("resident_bytes"),
            "snapshot_bytes": snapshot["bytes"],
        },
        "configuration_hash": source.configuration_hash(),
        "gateway": {
            "version": __version__,
            "ready": not source.not_ready(),
            "uptime_s": round(time.time() - figures["started_at_s"], 3) if "started_at_s" in figures else None,
            "reactors": source.reactors,
            "snapshot": snapshot,
            "reloads": source.reloads(),
            "plugins": source.plugins(),
            "resolver": source.resolver(),
            "access_log": source.access_log(),
        },
    }

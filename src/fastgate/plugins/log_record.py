"""What loggers send of a request: Kong's record, as far as the gateway knows its parts in the log phase."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastgate.sdk import Context, Request

REDACTED = "REDACTED"
_PORT = re.compile(r":\d+\Z")
ALWAYS_REDACTED = frozenset(("authorization", "proxy-authorization"))


def log_record(context: Context, redacted: Collection[str] = ()) -> dict[str, Any]:
    """redacted: names, in lower case, of header fields and arguments of the query whose values are nobody's business."""
    request, outcome, consumer, service = context.request, context.outcome, context.consumer, context.service
    query = _shown_query(request.query, redacted)
    uri = request.path + (f"?{query}" if query else "")
    found: dict[str, Any] = {
        "request": {
            "id": request.id, "method": request.method, "uri": uri, "url": f"{request.scheme}://{_authority(request)}{uri}",
            "querystring": dict(parse_qsl(query, keep_blank_values=True)), "headers": _shown_headers(request.headers, redacted)},
        "response": {"status": outcome.status, "headers": _shown_headers(context.response.headers, redacted)},
        "latencies": {"request": round(outcome.seconds * 1000), "proxy": round(outcome.upstream_seconds * 1000),
                      "kong": round((outcome.seconds - outcome.upstream_seconds) * 1000)},
        "client_ip": request.client_ip,
        "started_at": round(outcome.started_at * 1000),
        "source": "upstream" if context.response.source == "upstream" else "exit",
    }
    if outcome.upstream_status:
        found["upstream_status"] = str(outcome.upstream_status)
    if context.route.name:
        found["route"] = {"name": context.route.name}
    if service is not None:
        found["service"] = {"name": service.name}
    if consumer is not None:
        found["consumer"] = {name: value for name, value in (
            ("id", consumer.id), ("username", consumer.username), ("custom_id", consumer.custom_id)) if value is not None}
        if consumer.credential is not None:
            found["authenticated_entity"] = {"id": consumer.credential}
    return found


def _authority(request: Request) -> str:
    """The host, with the port where the client named one."""
    port = _PORT.search(request.header("Host") or "")
    return request.host + (port[0] if port else "")


def _shown_headers(fields: list[tuple[str, str]], redacted: Collection[str]) -> dict[str, str | list[str]]:
    """Names in lower case; a list where a name occurs twice."""
    shown: dict[str, Any] = {}
    for name, value in fields:
        name = name.lower()
        value = REDACTED if name in ALWAYS_REDACTED or name in redacted else value
        if name in shown:
            shown[name] = [*(shown[name] if isinstance(shown[name], list) else [shown[name]]), value]
        else:
            shown[name] = value
    return shown


def _shown_query(query: str, redacted: Collection[str]) -> str:
    """As it came, unless there is something in it to redact."""
    if not query or not redacted:
        return query
    pairs = parse_qsl(query, keep_blank_values=True)
    if not any(name.lower() in redacted for name, _ in pairs):
        return query
    return urlencode([(name, REDACTED if name.lower() in redacted else value) for name, value in pairs])

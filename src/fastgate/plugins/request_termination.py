"""request-termination: answers instead of the service."""

from __future__ import annotations

from typing import Any

from fastgate.config.fields import multiline
from fastgate.config.schema import Problems, Record, Rule, boolean, field, integer, text

from .parts import header_name

NAME = "request-termination"
PRIORITY = 2
is_native = True


def _fit_together(config: dict[str, Any], raw: dict[str, Any], problems: Problems) -> None:
    content_type, body = config["content_type"], config["body"]
    if config["message"] is not None and (content_type is not None or body is not None):
        problems.append((("message",), "message makes a body of its own; remove it, or content_type and body"))
    if content_type is not None and body is None:
        problems.append((("content_type",), "content_type needs a body"))
    if config["echo"] and (content_type is not None or body is not None):
        problems.append((("echo",), "echo answers with the request; remove it, or content_type and body"))


CONFIG = Record("request-termination's config", {
    "status_code": field(integer(200, 599), 503),
    "message": field(text()),
    "content_type": field(text(longest=256)),
    "body": field(multiline),
    "echo": field(boolean, False),
    "trigger": field(header_name),
}, rules=(Rule(("message", "content_type", "body", "echo"), _fit_together),))

"""The answer a plugin gives instead of the upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .fields import check_fields, field_pairs

_NO_BODY = (204, 304)
_MOST_BODY = 16 * 1024 * 1024


class Response:
    """What `access` returns to answer a request itself.

        return Response(403, json={"reason": "closed on Sundays"})
        return Response(401, message="Unauthorized", headers={"WWW-Authenticate": "Basic"})
        return Response(200, "<p>hello</p>", content_type="text/html; charset=utf-8")

    Args:
        status: 200 to 599.
        body: text (sent as UTF-8) or bytes.
        json: a value that becomes the body.
        message: a message in the form the client accepts (JSON, HTML, XML, text), as the gateway's own
            refusals have. Only one of body, json and message.
        headers: a mapping, or pairs when a name occurs twice.
        content_type: of the body; default: text/plain, or application/json for `json`.

    Raises ValueError.
    """

    __slots__ = ("status", "body", "content_type", "headers", "is_message")

    status: int
    body: bytes
    content_type: str
    headers: list[tuple[bytes, bytes]]
    is_message: bool

    def __init__(self, status: int = 200, body: str | bytes | None = None, *, json: Any = None,
                 message: str | None = None, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
                 content_type: str = "") -> None:
        if type(status) is not int or not 200 <= status <= 599:
            raise ValueError(f"a response's status is 200 to 599, not {status!r}")
        if sum(one is not None for one in (body, json, message)) > 1:
            raise ValueError("give a response one of body, json and message")
        self.status = status
        self.is_message = message is not None
        self.content_type = content_type
        if json is not None:
            from json import dumps

            body = dumps(json, ensure_ascii=False, separators=(",", ":"))
            self.content_type = content_type or "application/json; charset=utf-8"
        elif message is not None:
            body = message
        self.body = body.encode() if isinstance(body, str) else bytes(body or b"")
        if self.body and status in _NO_BODY:
            raise ValueError(f"an answer with status {status} has no body")
        if len(self.body) > _MOST_BODY:
            raise ValueError(f"a body of {len(self.body)} bytes; the most a plugin may answer with is {_MOST_BODY}")
        self.headers = []
        for name, value in field_pairs(headers):
            if name.lower() == b"content-type":
                self.content_type = value.decode("latin-1")
            else:
                self.headers.append((name, value))
        if self.content_type:
            check_fields([("Content-Type", self.content_type)])

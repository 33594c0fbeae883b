"""The answer a plugin gives instead of the upstream."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .fields import encoded_pairs, field_pairs, field_value

_NO_BODY = (204, 304)
NOT_GIVEN: Any = object()       # where None is a value
MOST_BODY = 16 * 1024 * 1024
_MOST_MESSAGE = 4096


class Response:
    """What `access` returns to answer a request itself.

        return Response(403, json={"reason": "closed on Sundays"})
        return Response(401, message="Unauthorized", headers={"WWW-Authenticate": "Basic"})
        return Response(200, "<p>hello</p>", content_type="text/html; charset=utf-8")

    Args:
        status: 200 to 599.
        body: text (sent as UTF-8) or bytes.
        json: a value that becomes the body; None is JSON's null.
        message: a message in the form the client accepts (JSON, HTML, XML, text), as the gateway's own
            refusals have; at most 4096 bytes. Only one of body, json and message.
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

    def __init__(self, status: int = 200, body: str | bytes | None = None, *, json: Any = NOT_GIVEN,
                 message: str | None = None, headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
                 content_type: str = "") -> None:
        if (body is not None) + (json is not NOT_GIVEN) + (message is not None) > 1:
            raise ValueError("give a response one of body, json and message")
        self.status = status
        self.is_message = message is not None
        self.content_type = content_type
        if json is not NOT_GIVEN:
            from json import dumps

            body = dumps(json, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
            self.content_type = content_type or "application/json; charset=utf-8"
        elif message is not None:
            if not isinstance(message, str):
                raise ValueError(f"a response's message must be text, not {type(message).__name__}")
            body = message
        if not isinstance(body, (str, bytes, bytearray, memoryview, type(None))):
            raise ValueError(f"a response's body must be text or bytes, not {type(body).__name__}")
        self.body = body.encode() if isinstance(body, str) else bytes(body or b"")
        self.headers = field_pairs(headers)
        self.status, _, self.body, content, self.headers = checked(self)
        self.content_type = content.decode("latin-1")


def checked(response: Response) -> tuple[int, bool, bytes, bytes, list[tuple[bytes, bytes]]]:
    """The (status, is_message, body, content type, headers) to send. Attributes can be assigned to, so a plugin's
    answer is checked again when it is given. Raises ValueError."""
    status, body, content_type, is_message = response.status, response.body, response.content_type, response.is_message
    if type(status) is not int or not 200 <= status <= 599:
        raise ValueError(f"a response's status is 200 to 599, not {status!r}")
    if type(body) is not bytes:
        raise ValueError(f"a response's body must be bytes once it is made, not {type(body).__name__}")
    if body and status in _NO_BODY:
        raise ValueError(f"an answer with status {status} has no body")
    if len(body) > MOST_BODY:
        raise ValueError(f"a body of {len(body)} bytes; the most a plugin may answer with is {MOST_BODY}")
    if is_message and len(body) > _MOST_MESSAGE:
        raise ValueError(f"a message of {len(body)} bytes; the most is {_MOST_MESSAGE}: give a longer one as body")
    headers = []
    for name, value in encoded_pairs(response.headers):
        if name.lower() == b"content-type":
            content_type = value.decode("latin-1")
        else:
            headers.append((name, value))
    content = field_value("Content-Type", content_type) if content_type else b""
    return status, bool(is_message), body, content, headers

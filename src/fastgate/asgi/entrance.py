"""The way into an application: what it is told of a request, and how many it is given at a time.

Only the gateway can connect to the application's socket, and always says who the client is
(`_core/proxy/forward.pyx`): those headers are believed without a list of whom to trust.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_BUSY = json.dumps({"message": "The application has too many requests under way"}).encode()
_BUSY_HEADERS = [(b"content-type", b"application/json; charset=utf-8"), (b"content-length", b"%d" % len(_BUSY))]


class Entrance:
    """An ASGI application around another. Belongs to that one's event loop; others only read the figures."""

    def __init__(self, application: Application, most: int) -> None:
        self._application = application
        self.most = most            # requests at a time, WebSocket connections included; set by the control thread
        self.active = 0
        self.refused = 0
        self.startup_failure: str | None = None     # what the application said of it

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._application(scope, receive, self._hearing(send))
            return
        if self.active >= self.most:
            self.refused += 1
            await _refuse(scope, send)
            return
        tell_truth(scope)
        self.active += 1
        try:
            await self._application(scope, receive, send)
        finally:
            self.active -= 1

    def _hearing(self, send: Send) -> Send:
        async def heard(message: Message) -> None:
            if message["type"] == "lifespan.startup.failed":
                self.startup_failure = message.get("message") or "it gave no reason"
            await send(message)

        return heard


def tell_truth(scope: Scope) -> None:
    """Client, scheme, server and root path as the gateway's client knows them."""
    told = {name: value.decode("latin-1") for name, value in scope["headers"] if name.startswith(b"x-")}
    client = told.get(b"x-real-ip")
    scope["client"] = (client, 0) if client else None
    is_secure = told.get(b"x-forwarded-proto") == "https"
    kind = "ws" if scope["type"] == "websocket" else "http"
    scope["scheme"] = kind + "s" if is_secure else kind
    port = told.get(b"x-forwarded-port", "")
    if port.isascii() and port.isdigit():
        scope["server"] = (told.get(b"x-forwarded-host", ""), int(port))
    prefix = told.get(b"x-forwarded-prefix", "").removesuffix("/")      # the slash is the first of the path that is left
    if prefix:
        # What the route has stripped. The path holds it still: that is how ASGI has it.
        scope["root_path"] = unquote(prefix)
        scope["path"] = scope["root_path"] + scope["path"]
        scope["raw_path"] = prefix.encode("latin-1") + scope["raw_path"]


async def _refuse(scope: Scope, send: Send) -> None:
    if scope["type"] == "http":
        kind = "http.response"
    elif "websocket.http.response" in scope.get("extensions", {}):
        kind = "websocket.http.response"
    else:
        await send({"type": "websocket.close", "code": 1013})
        return
    await send({"type": f"{kind}.start", "status": 503, "headers": _BUSY_HEADERS})
    await send({"type": f"{kind}.body", "body": _BUSY})

"""The upstream of `fastgate demo`: a small HTTP/1.1 server on the gateway's own control loop.

    any path    the request, as JSON
    /stream     server-sent events, one every half second
    /ws         a WebSocket that sends back what it gets
"""

import asyncio
import base64
import hashlib
import json
import socket
from urllib.parse import parse_qsl, urlsplit

HEAD_LIMIT = 128 * 1024
BODY_LIMIT = 1024 * 1024
EVENTS = 5
EVENT_PAUSE_S = 0.5
WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"    # RFC 6455, section 1.3
CLOSE, PING, PONG = 0x8, 0x9, 0xA      # opcodes; every other frame goes back as it came


class DemoUpstream:
    """One target. Owner: the demo; `port` is known, and connections queue, before `start`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._server: asyncio.AbstractServer | None = None
        self._connections: dict[asyncio.StreamWriter, asyncio.Task | None] = {}

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, sock=self._socket, limit=HEAD_LIMIT)

    def close(self) -> None:
        """Ends its connections too. On the loop, when it has been started."""
        if self._server is not None:
            self._server.close()
        for writer, task in self._connections.items():
            writer.transport.abort()
            if task is not None:
                task.cancel()           # it may be asleep between two events
        self._socket.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._connections[writer] = asyncio.current_task()
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                method, target, headers = _parse_head(head)
                path = urlsplit(target).path
                if path.endswith("/ws") and "sec-websocket-key" in headers:
                    await self._echo_websocket(reader, writer, headers["sec-websocket-key"])
                    return
                body = await _read_body(reader, headers)
                if path.endswith("/stream"):
                    await self._send_events(writer)
                else:
                    self._send_echo(writer, method, target, headers, body)
                await writer.drain()
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError, ValueError):
            pass        # the gateway closed the connection, or asked for more than a demo does
        except asyncio.CancelledError:
            pass        # the demo ends; before Python 3.12, streams log a cancelled task as an error
        finally:
            self._connections.pop(writer, None)
            writer.close()

    def _send_echo(self, writer: asyncio.StreamWriter, method: str, target: str, headers: dict, body: bytes) -> None:
        url = urlsplit(target)
        answer = {"upstream": self.name, "method": method, "path": url.path, "args": dict(parse_qsl(url.query)),
                  "headers": headers, "data": body.decode("utf-8", "replace")}
        content = json.dumps(answer, indent=2).encode() + b"\n"
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content))
        if method != "HEAD":
            writer.write(content)

    async def _send_events(self, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                     b"Transfer-Encoding: chunked\r\n\r\n")
        for number in range(1, EVENTS + 1):
            event = f"id: {number}\ndata: event {number} of {EVENTS} from {self.name}\n\n".encode()
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
            if number < EVENTS:
                await asyncio.sleep(EVENT_PAUSE_S)
        writer.write(b"0\r\n\r\n")

    async def _echo_websocket(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1(key.encode() + WEBSOCKET_GUID).digest())
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        while True:
            first, payload = await _read_frame(reader)
            opcode = first & 0xF
            if opcode == PONG:
                continue
            writer.write(_frame(first & 0xF0 | PONG if opcode == PING else first, payload))
            await writer.drain()
            if opcode == CLOSE:
                return


def _parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """The gateway has checked it already. Names in lower case; repeated ones joined as RFC 9110 allows."""
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return method, target, headers


async def _read_body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    if "chunked" in headers.get("transfer-encoding", ""):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            _refuse_over_limit(len(body) + size)
            body += await reader.readexactly(size)
            await reader.readline()
        while (await reader.readline()).strip():        # trailers
            pass
        return body
    size = int(headers.get("content-length", "0"))
    _refuse_over_limit(size)
    return await reader.readexactly(size)


def _refuse_over_limit(size: int) -> None:
    if size > BODY_LIMIT:
        raise ValueError("a body too large for a demo")


async def _read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """RFC 6455, section 5.2: the first byte (FIN and opcode) and the unmasked payload."""
    first, second = await reader.readexactly(2)
    size = second & 0x7F
    if size >= 126:
        size = int.from_bytes(await reader.readexactly(2 if size == 126 else 8), "big")
    mask = await reader.readexactly(4) if second & 0x80 else bytes(4)
    _refuse_over_limit(size)
    payload = await reader.readexactly(size)
    return first, bytes(byte ^ mask[i & 3] for i, byte in enumerate(payload))


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes([first, size]) + payload
    if size < 65536:
        return bytes([first, 126]) + size.to_bytes(2, "big") + payload
    return bytes([first, 127]) + size.to_bytes(8, "big") + payload

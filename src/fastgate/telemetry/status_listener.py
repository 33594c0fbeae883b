"""The status listener: a small HTTP/1.1 server on the control loop.

It answers operators and scrapers, not clients of the APIs, and defends itself: heads,
connections and times are bounded, bodies are refused, one connection's requests are
answered one after the other, and a reader that stops reading is cut off.
"""

import asyncio
import logging
import socket
from collections import deque
from typing import NamedTuple, cast

import httptools

from fastgate._version import __version__
from fastgate.telemetry.source import StatusSource
from fastgate.telemetry.status import Answer, answer, json_answer

MAX_CONNECTIONS = 64
HEAD_BYTES = 8192           # of a request; somewhat more may arrive before it is refused
MAX_PIPELINED = 16
IDLE_TIMEOUT_S = 60.0       # for a whole head to arrive, since the connection began or the last answer
WRITE_TIMEOUT_S = 10.0      # for a reader to make room

# Of the answers there are. (http.HTTPStatus has all, and takes more memory than this listener.)
PHRASES = {200: "OK", 400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 413: "Request Entity Too Large",
           431: "Request Header Fields Too Large", 500: "Internal Server Error", 503: "Service Unavailable"}

log = logging.getLogger("fastgate.status")


class StatusListener:
    """Owner: the control plane, which opens it before the first snapshot and closes it last."""

    def __init__(self, source: StatusSource, *, max_connections: int = MAX_CONNECTIONS,
                 idle_timeout_s: float = IDLE_TIMEOUT_S, write_timeout_s: float = WRITE_TIMEOUT_S) -> None:
        self.source = source
        self.max_connections = max_connections
        self.idle_timeout_s = idle_timeout_s
        self.write_timeout_s = write_timeout_s
        self.connections: set[StatusConnection] = set()
        self._server: asyncio.Server | None = None

    async def open(self, sock: socket.socket) -> None:
        """Begin to answer on a bound socket (TCP or Unix), which belongs to the listener from now on."""
        loop = asyncio.get_running_loop()
        if sock.family == socket.AF_UNIX:
            self._server = await loop.create_unix_server(lambda: StatusConnection(self), sock=sock)
        else:
            self._server = await loop.create_server(lambda: StatusConnection(self), sock=sock)

    async def close(self) -> None:
        """Stop accepting and cut the connections, answers under way included."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self.connections):
            connection.abort()
        await self._server.wait_closed()
        self._server = None


class Request(NamedTuple):
    """What an answer depends on."""

    method: str
    path: str
    is_http_1_0: bool
    is_last: bool               # the connection closes after its answer


class StatusConnection(asyncio.Protocol):
    """One client of the status listener."""

    def __init__(self, listener: StatusListener) -> None:
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._head_bytes = 0            # received of the request not yet whole
        self._requests: deque[Request] = deque()
        self._refusal: Answer | None = None     # for what came after the last whole request
        self._task: asyncio.Task[None] | None = None
        self._can_write = asyncio.Event()
        self._can_write.set()
        self._timer: asyncio.TimerHandle | None = None

    # From the transport.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._listener.connections.add(self)
        crowd = len(self._listener.connections)
        if crowd > 2 * self._listener.max_connections:
            self.abort()        # those told so already are enough to remember
        elif crowd > self._listener.max_connections:
            self._refuse(503, "Too many connections to the status listener")
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._listener.connections.discard(self)
        self._stop_timer()
        self._can_write.set()
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._refusal is not None:
            return
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # The request itself is whole and has been taken; what follows is in no protocol we speak.
            self._requests[-1] = self._requests[-1]._replace(is_last=True)
            self._transport.pause_reading()
        except httptools.HttpParserError:
            self._refuse(400, "Bad request")
            return
        if self._refusal is None and self._head_bytes > HEAD_BYTES:
            self._refuse(431, "Request head too large")
        if len(self._requests) > MAX_PIPELINED:
            self.abort()
        self._answer_soon()

    def pause_writing(self) -> None:
        self._can_write.clear()

    def resume_writing(self) -> None:
        self._can_write.set()

    # From the parser.

    def on_message_begin(self) -> None:
        self._url = b""

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_body(self, body: bytes) -> None:
        if self._refusal is None:
            self._refuse(413, "The status listener takes no bodies")

    def on_message_complete(self) -> None:
        if self._refusal is None:
            self._head_bytes = 0
            self._requests.append(Request(
                self._parser.get_method().decode("ascii"),
                self._url.partition(b"?")[0].decode("latin-1"),
                self._parser.get_http_version() == "1.0",
                not self._parser.should_keep_alive(),
            ))

    # Answers.

    def abort(self) -> None:
        """Cut the connection now."""
        self._transport.abort()

    def _close(self) -> None:
        """Closes once all is sent, or cuts a reader that does not take it in time."""
        self._timer = self._loop.call_later(self._listener.write_timeout_s, self.abort)
        self._transport.close()

    def _await_head(self) -> None:
        self._stop_timer()
        self._timer = self._loop.call_later(self._listener.idle_timeout_s, self.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _refuse(self, status: int, message: str) -> None:
        self._refusal = json_answer(status, {"message": message})
        self._answer_soon()

    def _answer_soon(self) -> None:
        if self._task is None and (self._requests or self._refusal):
            self._stop_timer()
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._answer_all())

    async def _answer_all(self) -> None:
        try:
            while self._requests:
                request = self._requests.popleft()
                if await self._send(request, self._answer(request)):
                    self._close()
                    return
            if self._refusal is not None:
                await self._send(Request("", "", False, True), self._refusal)
                self._close()
                return
        except (TimeoutError, asyncio.TimeoutError):    # two classes before Python 3.11
            self.abort()
            return
        except Exception:
            log.exception("an answer of the status listener broke off")
            self.abort()
            return
        self._task = None
        self._await_head()
        self._transport.resume_reading()

    def _answer(self, request: Request) -> Answer:
        try:
            return answer(self._listener.source, request.method, request.path)
        except Exception:
            log.exception("%s cannot be answered", request.path)
            return json_answer(500, {"message": "An unexpected error occurred"})

    async def _send(self, request: Request, reply: Answer) -> bool:
        """Sends one answer; True: the connection ends with it."""
        head = [f"HTTP/1.1 {reply.status} {PHRASES[reply.status]}",
                f"Server: fastgate/{__version__}", f"Content-Type: {reply.content_type}"]
        is_chunked = not isinstance(reply.body, bytes) and not request.is_http_1_0
        if isinstance(reply.body, bytes):
            head.append(f"Content-Length: {len(reply.body)}")
        elif is_chunked:
            head.append("Transfer-Encoding: chunked")
        if reply.allow:
            head.append(f"Allow: {reply.allow}")
        is_last = request.is_last or not isinstance(reply.body, bytes) and request.is_http_1_0
        if is_last:
            head.append("Connection: close")
        elif request.is_http_1_0:
            head.append("Connection: keep-alive")
        head_bytes = "\r\n".join([*head, "", ""]).encode("latin-1")
        if request.method == "HEAD":
            await self._write(head_bytes)
        elif isinstance(reply.body, bytes):
            await self._write(head_bytes + reply.body)
        else:
            await self._write(head_bytes)
            for block in reply.body:
                if data := block.encode():
                    await self._write(b"%x\r\n%b\r\n" % (len(data), data) if is_chunked else data)
                    await asyncio.sleep(0)      # other work of the control loop first
            if is_chunked:
                await self._write(b"0\r\n\r\n")
        return is_last

    async def _write(self, data: bytes) -> None:
        """Writes once the reader has made room; TimeoutError: it has not."""
        if not self._can_write.is_set():
            await asyncio.wait_for(self._can_write.wait(), self._listener.write_timeout_s)
        self._transport.write(data)

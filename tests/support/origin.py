"""Upstreams for tests: one that plays exact bytes, and plain well-behaved services on top of it.

Each connection has a thread. Whenever a request's first bytes come, `Origin.script` is looked up
and called with the connection, so a test may change the script while pooled connections stay.
All that arrives is recorded and shown to llhttp (`Origin.defects`), so that a test can say:
no malformed head reached an upstream.
"""

from __future__ import annotations

import json
import queue
import socket
import struct
import sys
import threading
import time
from array import array
from collections.abc import Callable

from support.messages import Fields, Judge, Malformed, PeerClosed, Reader, Request, chunk

DEADLINE = 60.0         # nothing in a test takes as long, not even instrumented on a busy machine
Script = Callable[["Connection"], object]


def wait_until(condition: Callable[[], bool], message: str) -> None:
    """Poll what no event tells of; AssertionError with `message` after DEADLINE."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, message
        time.sleep(0.002)


class Connection:
    """One accepted connection. A script runs in this connection's thread; tests look from outside."""

    def __init__(self, origin: Origin, sock: socket.socket, number: int) -> None:
        self.origin = origin
        self.socket = sock
        self.number = number
        self.received = bytearray()
        self.keeps_record = True
        self.requests: list[Request] = []
        self.judge = Judge()
        self.was_reset = False
        self.ended = threading.Event()      # the gateway closed, or we did
        self.thread: threading.Thread | None = None
        self.socket.settimeout(DEADLINE)
        if sock.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = Reader(self._receive)

    def _receive(self) -> bytes:
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            self.was_reset = True
            return b""
        if self.keeps_record:
            self.received += data
            self.judge.feed(data)
        return data

    def read_head(self) -> Request:
        """The next request's head; its body is left to be read."""
        head = self.reader.head()
        request = Request(head.start, head.fields, head.raw)
        request.connection = self
        self.requests.append(request)
        self.origin.requests.append(request)
        self.origin.arrived.put(request)
        return request

    def read_body(self, request: Request) -> bytes:
        request.body, request.trailers, request.chunks = self.reader.body_of(request, until_close=False)
        request.is_whole = True
        return request.body

    def read(self) -> Request:
        """The next request, whole."""
        request = self.read_head()
        self.read_body(request)
        return request

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reply(self, body: bytes = b"", *fields: str, status: str = "200 OK", length: bool = True) -> None:
        lines = [f"HTTP/1.1 {status}", *fields]
        if length:
            lines.append(f"Content-Length: {len(body)}")
        self.send("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def wait_end(self) -> bytes:
        """What comes until the gateway closes; `was_reset` tells whether by RST."""
        return self.reader.to_end()

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close now, with FIN where everything was read."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass                            # the gateway was first
        self.socket.close()

    def reset(self) -> None:
        """Close with RST. From outside: once the connection's thread, which may be reading, has let go."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if threading.current_thread() is self.thread:
            self.socket.close()
            return
        try:
            self.socket.shutdown(socket.SHUT_RD)    # ends a recv under way: until then the kernel keeps it open
        except OSError:
            pass                            # the gateway was first
        self.ended.wait(DEADLINE)

    def run(self) -> None:
        self.thread = threading.current_thread()
        try:
            while self.socket.fileno() >= 0:
                if not self.reader.buffer:
                    self.reader.more()
                self.origin.script(self)
        except (PeerClosed, ConnectionError):
            pass
        except Malformed as error:
            self.origin.errors.append(error)
        except OSError as error:
            if self.socket.fileno() >= 0:   # not closed by this side: a hang or a fault
                self.origin.errors.append(error)
        except BaseException as error:      # a script's assertion: told by Origin.check()
            self.origin.errors.append(error)
        finally:
            self.socket.close()
            self.ended.set()


class Origin:
    """A listening upstream. Use as a context manager, or `close()` it.

    address: (host, port), or a path for a Unix socket. `script` answers each request.
    """

    def __init__(self, script: Script | None = None, *, host: str = "127.0.0.1", path: str | None = None,
                 name: str = "origin", backlog: int = 512) -> None:
        self.name = name
        self.script: Script = script or echo
        self.connections: list[Connection] = []
        self.requests: list[Request] = []
        self.arrived: queue.Queue[Request] = queue.Queue()
        self.errors: list[BaseException] = []
        if path is not None:
            self._listener = socket.socket(socket.AF_UNIX)
            self._listener.bind(path)
            self._listener.listen(backlog)
            self.address: tuple[str, int] | str = path
        else:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._listener = socket.create_server((host, 0), family=family, backlog=backlog)
            self.address = self._listener.getsockname()[:2]
        self._is_open = True
        self._thread = threading.Thread(target=self._accept, name=f"{name}-accept", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        assert not isinstance(self.address, str)
        return self.address[1]

    @property
    def target(self) -> str:
        """As a Kong target: host:port, [v6]:port or unix:/path."""
        if isinstance(self.address, str):
            return f"unix:{self.address}"
        host, port = self.address
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def url(self) -> str:
        return self.target if isinstance(self.address, str) else f"http://{self.target}"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            connection = Connection(self, sock, len(self.connections))
            self.connections.append(connection)
            threading.Thread(target=connection.run, name=f"{self.name}-{connection.number}", daemon=True).start()

    def next_request(self, timeout: float = DEADLINE) -> Request:
        """The next request whose head has come, waiting for it. Raises queue.Empty."""
        return self.arrived.get(timeout=timeout)

    @property
    def last(self) -> Connection:
        """The connection that carried the latest request, waiting for one."""
        wait_until(lambda: bool(self.requests), f"{self.name}: no request came")
        return self.requests[-1].connection

    def connection(self, number: int) -> Connection:
        """The connection of that number, waiting until it is there."""
        wait_until(lambda: len(self.connections) > number, f"{self.name}: connection {number} never came")
        return self.connections[number]

    def defects(self) -> list[str]:
        """llhttp's objections to what arrived on any connection."""
        return [f"connection {c.number}: {c.judge.verdict} in {bytes(c.received[:400])!r}"
                for c in self.connections if c.judge.verdict is not None]

    def check(self) -> None:
        """Raise what went wrong in a script, or for malformed bytes that reached this upstream."""
        if self.errors:
            raise self.errors[0]
        assert not self.defects(), self.defects()

    def forget(self) -> None:
        """Start counting anew; open connections stay open and are forgotten too."""
        self.connections = [c for c in self.connections if not c.ended.is_set()]
        for connection in self.connections:
            connection.requests.clear()
            connection.received.clear()
        self.requests.clear()
        self.errors.clear()
        self.arrived = queue.Queue()
        self.script = echo

    def close_connections(self) -> None:
        for connection in list(self.connections):
            connection.close()

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            try:
                self._listener.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass                        # a listener that is already gone
            self._listener.close()
            self._thread.join(DEADLINE)
            self.close_connections()

    def __enter__(self) -> Origin:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


# -- plain services: scripts that read one request and answer it ---------------------------------


def describe(connection: Connection, request: Request) -> bytes:
    return json.dumps({
        "origin": connection.origin.name,
        "connection": connection.number,
        "method": request.method,
        "target": request.target,
        "version": request.version,
        "headers": request.fields,
        "trailers": request.trailers,
        "body": request.text,
    }).encode()


def echo(connection: Connection) -> None:
    """Answer with what came, as JSON (see `describe`)."""
    request = connection.read()
    body = describe(connection, request)
    if request.method == "HEAD":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
    else:
        connection.reply(body, "Content-Type: application/json")


def answer(raw: bytes, *, then_close: bool = False) -> Script:
    """A script that reads one request and sends exactly `raw`."""
    def script(connection: Connection) -> None:
        connection.read()
        connection.send(raw)
        if then_close:
            connection.close()
    return script


def named(connection: Connection) -> None:
    """Answer with the origin's name: which target was it?"""
    connection.read()
    connection.reply(connection.origin.name.encode())


def pattern(size: int, start: int = 0) -> bytes:
    """`size` bytes that tell their place, for bodies whose every byte is compared."""
    places = array("I", range(start // 8, (start + size) // 8 + 2))
    if sys.byteorder == "little":
        places.byteswap()
    block = places.tobytes().hex().encode()     # eight hexadecimal digits for each
    return block[start % 8:start % 8 + size]


def sizes(connection: Connection) -> None:
    """`/length/N` and `/chunked/N[/M]`: N pattern bytes, whole or in chunks of M."""
    request = connection.read()
    parts = request.target.partition("?")[0].strip("/").split("/")
    size = int(parts[1])
    if parts[0] == "length":
        connection.reply(pattern(size))
        return
    step = int(parts[2]) if len(parts) > 2 else 4096
    connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    body = pattern(size)
    for at in range(0, size, step):
        connection.send(chunk(body[at:at + step]))
    connection.send(b"0\r\n\r\n")


def fields_of(body: bytes) -> Fields:
    """The header fields in an echo answer."""
    return [(name, value) for name, value in json.loads(body)["headers"]]

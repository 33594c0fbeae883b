"""A raw client: sends given bytes in given pieces, reads answers, sees how a connection ended."""

from __future__ import annotations

import array
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Iterable

from support.messages import Head, Reader, Response, split_head

DEADLINE = 60.0         # seconds any single wait may take before a test counts as hanging
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST = 4, 20, 1
Address = tuple[str, int] | str


class Client:
    """One connection to the gateway. Every wait ends by `deadline` with TimeoutError."""

    def __init__(self, address: Address, *, deadline: float = DEADLINE,
                 receive_buffer: int = 0, source: str | None = None) -> None:
        if isinstance(address, str):
            family = socket.AF_UNIX
        else:
            family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if source is not None:
            self.socket.bind((source, 0))
        self.socket.settimeout(deadline)
        self.socket.connect(address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.was_reset = False
        self._reader = Reader(self._receive)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 18)
        except ConnectionError:
            self.was_reset = True
            return b""

    # -- sending ---------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_quietly(self, data: bytes) -> None:
        """Send what the gateway may refuse half-way: its early close is not an error here, nor is
        ours, in the middle of a send of another thread's.
        """
        try:
            self.socket.sendall(data)
        except OSError as error:
            if not isinstance(error, ConnectionError) and self.socket.fileno() >= 0:
                raise
            self.was_reset = True

    def send_pieces(self, pieces: Iterable[bytes]) -> None:
        """Send each piece only after the gateway has read the one before."""
        for piece in pieces:
            self.send_quietly(piece)
            self.wait_taken()

    def wait_taken(self) -> None:
        """Return once the gateway has read all that was sent (or has closed)."""
        end = time.monotonic() + DEADLINE
        while self._untaken():
            if time.monotonic() > end:
                raise TimeoutError("the gateway stopped reading")
            time.sleep(0)

    def _untaken(self) -> bool:
        if self.socket.family == socket.AF_UNIX:
            left = array.array("i", [0])
            fcntl.ioctl(self.socket, termios.TIOCOUTQ, left)
            return left[0] > 0
        return tcp_receive_queue(self.socket) > 0

    # -- reading ---------------------------------------------------------------------------

    def head(self) -> Head:
        """The next head of an answer, interim ones too."""
        return self._reader.head()

    def response(self, *, to_head: bool = False) -> Response:
        """The next final answer, with the interim ones before it.

        `to_head`: the request was HEAD, no body follows.
        """
        interim = []
        while True:
            head = split_head(self._reader.until(b"\r\n\r\n"))
            status = int(head.start[1])
            if not 100 <= status < 200 or status == 101:
                break
            interim.append(head)
        answer = Response(head.start, head.fields, head.raw, interim=interim)
        if not to_head and status not in (101, 204, 304):
            answer.body, answer.trailers, answer.chunks = self._reader.body_of(head, until_close=True)
        return answer

    def ask(self, data: bytes, *, to_head: bool = False) -> Response:
        self.send_quietly(data)
        return self.response(to_head=to_head)

    def exactly(self, size: int) -> bytes:
        return self._reader.exactly(size)

    def until(self, mark: bytes) -> bytes:
        return self._reader.until(mark)

    def to_end(self) -> bytes:
        """All bytes until the gateway closes; `was_reset` tells whether by RST."""
        return self._reader.to_end()

    def expect_end(self) -> None:
        """The gateway closes, and nothing more comes before."""
        rest = self.to_end()
        assert rest == b"", f"unexpected bytes before the end: {rest[:300]!r}"

    def is_open(self) -> bool:
        """Whether the gateway has not closed as far as this side's kernel knows now."""
        self.socket.setblocking(False)
        try:
            return self.socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self.socket.settimeout(DEADLINE)

    # -- ending ----------------------------------------------------------------------------

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Close with RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


def tcp_receive_queue(sock: socket.socket) -> int:
    """Bytes that the other end of this loopback connection has not read yet (0 when it is gone).

    Asked of the kernel for this one socket (sock_diag(7)), since /proc/net/tcp is slow when long.
    """
    try:
        here, there = sock.getsockname(), sock.getpeername()
    except OSError:
        return 0                            # reset already
    ends = [there[1].to_bytes(2, "big"), here[1].to_bytes(2, "big")]
    ends += [socket.inet_pton(sock.family, end[0]).ljust(16, b"\0") for end in (there, here)]
    request = struct.pack("=BBBxI", sock.family, socket.IPPROTO_TCP, 0, 0xFFFFFFFF) + b"".join(ends)
    request += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)       # any interface, any cookie
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST, 0, 0) + request)
        reply = netlink.recv(4096)
    if struct.unpack_from("=H", reply, 4)[0] != SOCK_DIAG_BY_FAMILY:
        return 0                            # no such socket
    return struct.unpack_from("=I", reply, 16 + 4 + 48 + 4)[0]


def get(target: str = "/", *fields: str, host: str = "test", method: str = "GET", body: bytes | None = None,
        version: str = "1.1") -> bytes:
    """The bytes of a plain request; `fields` are whole lines without CRLF."""
    lines = [f"{method} {target} HTTP/{version}", f"Host: {host}", *fields]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")


def ask(address: Address, data: bytes, *, to_head: bool = False) -> Response:
    """One request on a connection of its own."""
    with Client(address) as client:
        return client.ask(data, to_head=to_head)

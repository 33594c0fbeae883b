"""HTTP/1.1 messages as tests see them: a strict reader, and what it read.

Framing is read by this file's own few lines, so that a test can say "exactly these bytes";
the grammar is left to httptools (llhttp, strict), which is the judge of every head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httptools

Fields = list[tuple[str, str]]


class PeerClosed(ConnectionError):
    """The peer ended the connection (FIN or RST) before what was expected had come; `unread` is what had."""

    def __init__(self, unread: bytes) -> None:
        super().__init__(f"closed with {unread[:200]!r} unread")
        self.unread = unread


class Malformed(ValueError):
    """The peer sent bytes that are no HTTP message."""


@dataclass
class Head:
    """Start line and fields of one message. Field names keep the case they came in."""

    start: tuple[str, str, str]
    fields: Fields
    raw: bytes

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name: str, default: str | None = None) -> str | None:
        values = self.all(name)
        return values[0] if values else default

    def names(self) -> set[str]:
        return {key.lower() for key, _ in self.fields}


@dataclass
class Message(Head):
    body: bytes = b""
    trailers: Fields = field(default_factory=list)
    chunks: list[int] = field(default_factory=list)

    @property
    def text(self) -> str:
        return self.body.decode("latin-1")


class Request(Message):
    connection: Any = None      # the origin's Connection that it came on
    is_whole = False            # its body was read to the end

    @property
    def method(self) -> str:
        return self.start[0]

    @property
    def target(self) -> str:
        return self.start[1]

    @property
    def version(self) -> str:
        return self.start[2]


@dataclass
class Response(Message):
    interim: list[Head] = field(default_factory=list)

    @property
    def version(self) -> str:
        return self.start[0]

    @property
    def status(self) -> int:
        return int(self.start[1])


def split_head(raw: bytes) -> Head:
    """Cut a head, its empty line included, into start line and fields.

    Raises Malformed where a line is not ended by CRLF or a field has no colon.
    """
    lines = raw[:-4].split(b"\r\n")
    if any(b"\n" in line or b"\r" in line for line in lines):
        raise Malformed(f"a bare CR or LF in {raw!r}")
    start = lines[0].decode("latin-1").split(" ", 2)
    if len(start) == 2 and start[0].startswith("HTTP/"):
        start.append("")
    if len(start) != 3:
        raise Malformed(f"start line {lines[0]!r}")
    fields = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed(f"field line {line!r}")
        fields.append((name.decode("latin-1"), value.strip(b" \t").decode("latin-1")))
    return Head((start[0], start[1], start[2]), fields, raw)


class Reader:
    """A buffer over `receive`, which blocks for more bytes and returns b"" at the end."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self._receive = receive
        self.buffer = bytearray()

    def more(self) -> None:
        data = self._receive()
        if not data:
            raise PeerClosed(bytes(self.buffer))
        self.buffer += data

    def take(self, size: int) -> bytes:
        data = bytes(self.buffer[:size])
        del self.buffer[:size]
        return data

    def exactly(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self.more()
        return self.take(size)

    def until(self, mark: bytes) -> bytes:
        while (found := self.buffer.find(mark)) < 0:
            self.more()
        return self.take(found + len(mark))

    def to_end(self) -> bytes:
        try:
            while True:
                self.more()
        except PeerClosed:
            return self.take(len(self.buffer))

    def head(self) -> Head:
        return split_head(self.until(b"\r\n\r\n"))

    def chunked(self) -> tuple[bytes, Fields, list[int]]:
        """A chunked body: its bytes, trailer fields and chunk sizes."""
        body, sizes = bytearray(), []
        while True:
            line = self.until(b"\r\n")[:-2].partition(b";")[0]
            if not line or line.strip(b"0123456789abcdefABCDEF"):
                raise Malformed(f"chunk size {line!r}")
            size = int(line, 16)
            if size == 0:
                break
            sizes.append(size)
            body += self.exactly(size)
            if self.exactly(2) != b"\r\n":
                raise Malformed("a chunk without its CRLF")
        trailers: Fields = []
        while (line := self.until(b"\r\n")) != b"\r\n":
            name, _, value = line.decode("latin-1").partition(":")
            trailers.append((name, value.strip()))
        return bytes(body), trailers, sizes

    def body_of(self, head: Head, *, until_close: bool) -> tuple[bytes, Fields, list[int]]:
        """Read the body that `head` announces; without a length, to the end if `until_close`."""
        coding, lengths = head.all("transfer-encoding"), head.all("content-length")
        if coding and lengths:
            raise Malformed("Transfer-Encoding with Content-Length")
        if coding:
            if [value.lower() for value in coding] != ["chunked"]:
                raise Malformed(f"Transfer-Encoding {coding!r}")
            return self.chunked()
        if lengths:
            if len(lengths) > 1 or not lengths[0].isdigit():
                raise Malformed(f"Content-Length {lengths!r}")
            return self.exactly(int(lengths[0])), [], []
        return (self.to_end() if until_close else b""), [], []


class Judge:
    """llhttp in its strict mode, fed with all that arrived on one connection.

    `verdict` is None as long as every byte was well-formed, else llhttp's words.
    `goes_on`: after a message that asks for an upgrade, HTTP continues (the upgrade is not granted).
    """

    def __init__(self, *, is_response: bool = False, goes_on: bool = False) -> None:
        self._kind = httptools.HttpResponseParser if is_response else httptools.HttpRequestParser
        self._parser = self._kind(self)
        self._goes_on = goes_on
        self._is_on = True
        self.heads = 0
        self.messages = 0
        self.verdict: str | None = None

    def on_headers_complete(self) -> None:
        self.heads += 1

    def on_message_complete(self) -> None:
        self.messages += 1

    def feed(self, data: bytes) -> None:
        if not self._is_on:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._goes_on:
                self._parser = self._kind(self)
                self.feed(data[upgrade.args[0]:])
            else:
                self._is_on = False     # what follows is a tunnel's
        except httptools.HttpParserError as error:
            self._is_on = False
            self.verdict = f"{type(error).__name__}: {error}"


def judge_requests(data: bytes) -> Judge:
    judge = Judge(goes_on=True)
    judge.feed(data)
    return judge


def chunk(data: bytes, extension: bytes = b"") -> bytes:
    return b"%x%s\r\n%s\r\n" % (len(data), extension, data)


def chunk_all(pieces: Iterable[bytes], trailers: bytes = b"") -> bytes:
    """A whole chunked body; `trailers` are finished lines with their CRLF."""
    return b"".join(chunk(piece) for piece in pieces) + b"0\r\n" + trailers + b"\r\n"

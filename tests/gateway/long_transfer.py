"""A transfer that goes on while others crowd in: what the tests of memory watch."""

from __future__ import annotations

import threading

from support.client import DEADLINE, get
from support.origin import pattern

PIECE, PIECES = pattern(20_000), 20


class LongTransfer:
    """`script` is the origin's: `/running` is answered a piece for each `next_piece()`, `/crowd` once `gate` is set, the
    rest at once, with the length of the body."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self._pieces = threading.Semaphore(0)

    def script(self, connection) -> None:
        request = connection.read()
        if request.target == "/crowd":
            self.gate.wait(DEADLINE)
        if request.target != "/running":
            connection.reply(b"%d" % len(request.body))
            return
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(PIECE) * PIECES))
        for _ in range(PIECES):
            self._pieces.acquire(timeout=DEADLINE)
            connection.send(PIECE)

    def begin(self, site) -> None:
        """With the first of its pieces."""
        assert site.ask(get("/first")).status == 200
        self._client = site.connect()
        self._client.send(get("/running"))
        assert self._client.head().start[1] == "200"
        self.next_piece()

    def next_piece(self) -> None:
        self._pieces.release()
        assert self._client.exactly(len(PIECE)) == PIECE

    def end(self) -> None:
        self.gate.set()
        self._pieces.release(PIECES)

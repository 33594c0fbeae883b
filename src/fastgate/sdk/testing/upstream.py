"""An upstream for tests, in threads of the test's own process: answers with what it was sent, and remembers it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

from .answer import Answer


class Received(NamedTuple):
    """A request as it reached the upstream. `headers`: names in lower case, values of a name joined by ", "."""

    method: str
    path: str           # with the query
    headers: dict[str, str]
    body: bytes


Answers = Callable[[Received], Answer]


def echo(request: Received) -> Answer:
    """What came, as JSON: method, path, headers, body."""
    told = request._asdict() | {"body": request.body.decode("utf-8", "replace")}
    return Answer(200, [("Content-Type", "application/json")], json.dumps(told).encode())


class Upstream:
    """Serves from the start until `close`. `requests`: what came, in order."""

    def __init__(self, answers: Answers = echo) -> None:
        self.answers = answers
        self.requests: list[Received] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.block_on_close = False     # the gateway keeps its connections open
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _handler(upstream: Upstream) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def __getattr__(self, name: str) -> Callable[[], None]:
            if name.startswith("do_"):          # any method
                return self._answer
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: a test's output is its own."""

        def _answer(self) -> None:
            headers: dict[str, str] = {}
            for name, value in self.headers.items():
                headers[name.lower()] = f"{headers[name.lower()]}, {value}" if name.lower() in headers else value
            received = Received(self.command, self.path, headers, self._body(headers))
            upstream.requests.append(received)
            answer = upstream.answers(received)
            self.send_response_only(answer.status)
            for name, value in answer.headers:
                self.send_header(name, value)
            has_body = answer.status not in (204, 304)
            if has_body:
                self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            if has_body and self.command != "HEAD":
                self.wfile.write(answer.body)

        def _body(self, headers: dict[str, str]) -> bytes:
            if headers.get("transfer-encoding", "").lower() != "chunked":
                return self.rfile.read(int(headers.get("content-length", "0")))
            parts = []
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass                            # trailers
            return b"".join(parts)

    return Handler

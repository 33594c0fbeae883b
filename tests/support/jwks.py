"""A server of published keys for tests, and keys as JWKs: tests/support/jwks.py."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.signing_keys import unwatched
from support.tokens import b64, private_key

Answer = tuple[int, dict[str, str], bytes]
_CURVES = {"ES256": ("P-256", 32), "ES384": ("P-384", 48), "ES512": ("P-521", 66)}


@unwatched()
def jwk_of(key: Any, **members: Any) -> dict[str, Any]:
    """The public half of a key of the `cryptography` package."""
    public = key.public_key()
    if hasattr(public, "public_bytes_raw"):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(public.public_bytes_raw()), **members}
    numbers = public.public_numbers()
    if hasattr(numbers, "n"):
        return {"kty": "RSA", "n": _number(numbers.n), "e": _number(numbers.e), **members}
    curve, size = next(row for row in _CURVES.values() if row[1] == (numbers.curve.key_size + 7) // 8)
    x, y = (b64(number.to_bytes(size, "big")) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": curve, "x": x, "y": y, **members}


def jwk(algorithm: str, kid: str | None = None, **members: Any) -> dict[str, Any]:
    """The key that support.tokens signs with for this algorithm. `kid`: the algorithm's name unless given."""
    return jwk_of(private_key(algorithm), kid=kid or algorithm, **members)


def _number(value: int) -> str:
    return b64(value.to_bytes((value.bit_length() + 7) // 8, "big"))


class KeyServer:
    """Publishes keys on a free port of the loopback. `answer` makes each answer; `asked` holds the fields of all requests."""

    def __init__(self, *keys: dict[str, Any], context: ssl.SSLContext | None = None) -> None:
        """context: of a server that speaks TLS."""
        self.asked: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], Answer]
        self.publish(*keys)
        self.released = threading.Event()       # lets a slow answer go
        self.is_closed = False
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fields = {name.lower(): value for name, value in self.headers.items()}
                if owner.is_closed:
                    self.close_connection = True
                    return                      # a connection kept from before
                owner.asked.append(fields)
                status, more, body = owner.answer(fields)
                try:
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **more}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass                        # who asked has given up

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "http"
        if context is not None:
            self._scheme = "https"
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()

    @property
    def uri(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}/keys"

    def publish(self, *keys: dict[str, Any], **fields: str) -> None:
        """These keys from now on, with these fields (`Cache_Control`)."""
        self.say(json.dumps({"keys": list(keys)}).encode(), **fields)

    def say(self, body: bytes, status: int = 200, **fields: str) -> None:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        self.answer = lambda _: (status, named, body)

    def close(self) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> KeyServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

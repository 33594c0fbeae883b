"""How long a verdict on a token is kept, by a clock the test sets: a gateway without a process around it."""

import socket
import threading
import time

import pytest
from fastgate._core.bridge.gateway import Gateway
from fastgate.config import load_text
from fastgate.plugins.registry import PLUGINS

from support.tokens import SECRET, forged, token

T = 1_900_000_000               # Unix seconds at the first request
CONFIG = """
_format_version: "3.0"
gateway: {access_log: "off"}
services:
  - {name: s, url: "http://127.0.0.1:9", routes: [{paths: [/]}]}
plugins:
  - {name: jwt, config: {claims_to_verify: [%s], leeway: 5}}
  - {name: request-termination, config: {status_code: 204}}
consumers:
  - {username: a, jwt_secrets: [{key: k, secret: "%s"}]}
"""


class Clocked:
    """A gateway whose wall clock stands where the test wants it, and one client."""

    def __init__(self, claims: str) -> None:
        model = load_text(CONFIG % (claims, SECRET), "fastgate.yaml", plugins=PLUGINS)
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.listening.setblocking(False)
        self.gateway = Gateway(1, model.gateway)
        self.gateway.listen([self.listening.fileno()], False, self.listening.getsockname()[1], False)
        self.gateway.publish(model)
        self.reactor = threading.Thread(target=self.gateway.run_reactor, args=(0,))
        self.reactor.start()
        self.client = socket.create_connection(self.listening.getsockname(), timeout=30)

    def ask(self, at_s: float, text: str) -> tuple[int, bool]:
        """The answer's status at this time, and whether the verdict was known."""
        self.gateway.set_wall_clock(int(at_s * 1e9) - time.monotonic_ns())
        hits = self.gateway.counters()["tokens_hit"]
        self.client.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {text}\r\n\r\n".encode())
        answer = b""
        while b"\r\n\r\n" not in answer or not answer.endswith((b"\r\n\r\n", b"}")):
            answer += self.client.recv(65536)
        return int(answer[9:12]), self.gateway.counters()["tokens_hit"] > hits

    def close(self) -> None:
        self.client.close()
        self.gateway.stop()
        self.reactor.join(30)
        self.listening.close()


@pytest.fixture
def clocked():
    opened = []

    def start(claims: str = "") -> Clocked:
        opened.append(Clocked(claims))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# Seconds after the first request, the status then, and whether the verdict is still the first one's.
@pytest.mark.parametrize("claims, asked, turns", [
    ({}, "", [(0, 204, False), (58, 204, True), (3598, 204, True), (3602, 204, False), (7198, 204, True)]),
    ({"exp": T + 100}, "exp", [(0, 204, False), (98, 204, True), (104, 204, True), (106, 401, False), (164, 401, True), (170, 401, False)]),
    ({"exp": T + 9000}, "exp", [(0, 204, False), (3598, 204, True), (3602, 204, False)]),
    ({"exp": T - 50}, "exp", [(0, 401, False), (58, 401, True), (62, 401, False)]),
    ({"nbf": T + 30}, "nbf", [(0, 401, False), (23, 401, True), (26, 204, False), (40, 204, True), (20, 401, False)]),
    ({"nbf": T + 300}, "nbf", [(0, 401, False), (58, 401, True), (62, 401, False)]),
], ids=str)
def test_a_verdict_ends_with_the_token_or_in_an_hour_and_a_refusal_in_a_minute(clocked, claims, asked, turns):
    gateway = clocked(asked)
    text = token({"iss": "k", **claims})
    for after_s, status, is_known in turns:
        assert gateway.ask(T + after_s, text) == (status, is_known), after_s


def test_a_wrong_signature_is_remembered_for_a_minute(clocked):
    gateway = clocked()
    text = forged(token({"iss": "k"}))
    for after_s, is_known in ((0, False), (58, True), (62, False), (119, True), (123, False)):
        assert gateway.ask(T + after_s, text) == (401, is_known)


def test_what_costs_no_signature_is_not_remembered(clocked):
    gateway = clocked()
    for text in ("x", "a.b.c", token({"iss": "nobody"}), token({}), token({"iss": "k"}, "HS512")):
        for _ in range(2):
            assert gateway.ask(T, text) == (401, False)
    assert gateway.gateway.counters()["tokens_kept"] == 0

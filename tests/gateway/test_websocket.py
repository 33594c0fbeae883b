"""WebSocket tunnels (RFC 6455) and other Upgrade tokens, which are a smuggling path unless allowed."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import signal
import threading

import pytest
from websockets.sync.client import connect as websocket_connect
from websockets.sync.server import serve as websocket_serve

from support.client import get
from support.origin import pattern
from support.site import config_of, service

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
HANDSHAKE = ["Connection: Upgrade", "Upgrade: websocket", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13"]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n\r\n")


def switching(then):
    """A script that accepts the handshake, then hands the connection to `then`."""
    def script(connection):
        connection.read_head()
        connection.send(SWITCH)
        then(connection)
        connection.close()
    return script


def echo_all(connection):
    while data := bytes(connection.reader.take(len(connection.reader.buffer))) or connection._receive():
        connection.send(data)


@pytest.fixture
def library_site(open_site):
    """A gateway before a server of the `websockets` library that echoes."""
    def echo(connection):
        for message in connection:
            connection.send(message)

    with websocket_serve(echo, "127.0.0.1", 0, max_size=1 << 24) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        port = server.socket.getsockname()[1]
        yield open_site(config_of({"name": "ws", "url": f"http://127.0.0.1:{port}",
                                   "routes": [{"name": "ws", "paths": ["/"], "strip_path": False}]}))
        server.shutdown()
        thread.join(10)


def test_library_echo_of_many_messages(library_site):
    with websocket_connect(f"ws://127.0.0.1:{library_site.process.port}/chat", max_size=1 << 24) as socket:
        for size in (0, 1, 125, 126, 65535, 65536, 1_000_000):
            payload = os.urandom(size)
            socket.send(payload)
            assert socket.recv(timeout=20) == payload
        socket.send("text \N{SNOWMAN}")
        assert socket.recv(timeout=20) == "text \N{SNOWMAN}"
        assert socket.ping().wait(20)


def test_library_many_connections(library_site):
    with contextlib.ExitStack() as stack:
        url = f"ws://127.0.0.1:{library_site.process.port}/"
        sockets = [stack.enter_context(websocket_connect(f"{url}{number}")) for number in range(30)]
        for number, socket in enumerate(sockets):
            socket.send(str(number))
        assert [socket.recv(timeout=20) for socket in sockets] == [str(n) for n in range(30)]


@pytest.mark.core
def test_handshake_reaches_the_upstream_and_back(site):
    site.origin.script = switching(echo_all)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE, "Sec-WebSocket-Protocol: chat"))
    response = client.response()
    assert response.status == 101
    assert response.get("upgrade").lower() == "websocket"
    assert "upgrade" in response.get("connection").lower()
    assert response.get("sec-websocket-accept") == ACCEPT
    request = site.origin.requests[-1]
    assert request.get("upgrade").lower() == "websocket"
    assert "upgrade" in request.get("connection").lower()
    assert request.get("sec-websocket-key") == KEY
    assert request.get("sec-websocket-protocol") == "chat"
    assert request.get("x-forwarded-for") == "127.0.0.1"
    client.send(b"\x81\x85\x00\x00\x00\x00hello")
    assert client.exactly(11) == b"\x81\x85\x00\x00\x00\x00hello"


@pytest.mark.core
def test_bytes_sent_with_the_handshake_reach_the_tunnel(site):
    site.origin.script = switching(echo_all)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE) + b"early bytes")
    assert client.response().status == 101
    assert client.exactly(11) == b"early bytes"


@pytest.mark.core
def test_bytes_sent_with_the_101_reach_the_client(site):
    def script(connection):
        connection.read_head()
        connection.send(SWITCH + b"first words")
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    assert client.exactly(11) == b"first words"


@pytest.mark.core
def test_tunnel_half_closed_by_the_client_goes_on_the_other_way(site):
    def then(connection):
        assert connection.wait_end() == b"question"
        connection.send(b"answer after the half-close")

    site.origin.script = switching(then)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    client.send(b"question")
    client.half_close()
    assert client.to_end() == b"answer after the half-close"
    assert not client.was_reset


@pytest.mark.core
def test_tunnel_half_closed_by_the_upstream_goes_on_the_other_way(site):
    heard = []

    def then(connection):
        connection.send(b"bye")
        connection.half_close()
        heard.append(connection.wait_end())

    site.origin.script = switching(then)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    assert client.to_end() == b"bye"
    client.send(b"still talking")
    client.close()
    assert site.origin.last.ended.wait(20)
    assert heard == [b"still talking"]


@pytest.mark.core
@pytest.mark.parametrize("who", ["client", "upstream"])
def test_tunnel_reset_by_one_ends_the_other(site, who):
    gate = threading.Event()

    def then(connection):
        if who == "upstream":
            gate.wait(20)
            connection.reset()
        else:
            connection.wait_end()

    site.origin.script = switching(then)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    if who == "upstream":
        gate.set()
        client.expect_end()
    else:
        client.reset()
        assert site.origin.last.ended.wait(20)


@pytest.mark.core
def test_tunnel_carries_much_both_ways(site):
    site.origin.script = switching(echo_all)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    data = pattern(5_000_000)
    pusher = threading.Thread(target=lambda: (client.send(data), client.half_close()), daemon=True)
    pusher.start()
    assert client.to_end() == data
    pusher.join(20)


def without(name: str) -> list[str]:
    return [line for line in HANDSHAKE if not line.lower().startswith(name)]


BAD_HANDSHAKES = {
    "no key": without("sec-websocket-key"),
    "no version": without("sec-websocket-version"),
    "old version": [*without("sec-websocket-version"), "Sec-WebSocket-Version: 8"],
    "key of wrong length": [*without("sec-websocket-key"), "Sec-WebSocket-Key: c2hvcnQ="],
    "key that is no base64": [*without("sec-websocket-key"), "Sec-WebSocket-Key: !!!!!!!!!!!!!!!!!!!!!!=="],
    "two keys": [*HANDSHAKE, f"Sec-WebSocket-Key: {KEY}"],
    "two versions": [*HANDSHAKE, "Sec-WebSocket-Version: 13"],
    "with a body": [*HANDSHAKE, "Content-Length: 5"],
    "chunked": [*HANDSHAKE, "Transfer-Encoding: chunked"],
}


@pytest.mark.core
@pytest.mark.parametrize("lines", BAD_HANDSHAKES.values(), ids=BAD_HANDSHAKES.keys())
def test_handshake_that_is_invalid_opens_no_tunnel(site, lines):
    """Refused with 400, or 426 for a version that is not ours."""
    client = site.connect()
    client.send(get("/ws", *lines))
    if any("Content-Length" in line for line in lines):
        client.send_quietly(b"hello")
    if any("chunked" in line for line in lines):
        client.send_quietly(b"0\r\n\r\n")
    response = client.response()
    assert response.status == (426 if "Sec-WebSocket-Version: 8" in lines else 400)
    assert not site.origin.requests


@pytest.mark.core
def test_handshake_by_post_opens_no_tunnel(site):
    client = site.connect()
    response = client.ask(get("/ws", *HANDSHAKE, method="POST", body=b""))
    assert response.status in (200, 400, 405, 426)
    assert all(request.get("upgrade") is None for request in site.origin.requests)


@pytest.mark.core
def test_handshake_in_http10_opens_no_tunnel(site):
    lines = "\r\n".join(["GET /ws HTTP/1.0", "Host: test", *HANDSHAKE, "", ""]).encode()
    assert site.ask(lines).status in (200, 400, 426)
    assert all(request.get("upgrade") is None for request in site.origin.requests)


@pytest.mark.core
def test_client_gone_when_the_101_comes_is_no_tunnel(open_site, open_origin):
    """Both at once for the gateway: its gauge of tunnels stays right."""
    gate, sent = threading.Event(), threading.Event()

    def script(connection):
        connection.read_head()
        assert gate.wait(20)
        connection.send(SWITCH)
        sent.set()
        connection.wait_end()

    origin = open_origin(script)
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    origin.next_request()
    site.process.signal(signal.SIGSTOP)
    gate.set()
    assert sent.wait(20)
    client.reset()
    site.process.signal(signal.SIGCONT)
    assert origin.last.ended.wait(20)
    assert site.metrics()["fastgate_tunnels_active"] == 0


WRONG_SWITCHES = {
    "no accept": SWITCH.replace(b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n", b""),
    "two accepts": SWITCH[:-2] + b"Sec-WebSocket-Accept: " + ACCEPT.encode() + b"\r\n\r\n",
    "wrong accept": SWITCH.replace(ACCEPT.encode(), base64.b64encode(hashlib.sha1(b"x").digest())),
    "other token": SWITCH.replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "no upgrade": SWITCH.replace(b"Upgrade: websocket\r\n", b""),
}


@pytest.mark.core
@pytest.mark.parametrize("raw", WRONG_SWITCHES.values(), ids=WRONG_SWITCHES.keys())
def test_switch_that_is_invalid_becomes_502(site, raw):
    def script(connection):
        connection.read_head()
        connection.send(raw)
        connection.wait_end()

    site.origin.script = script
    assert site.ask(get("/ws", *HANDSHAKE)).status == 502


@pytest.mark.core
def test_switch_nobody_asked_for_becomes_502(site):
    def script(connection):
        connection.read_head()
        connection.send(SWITCH + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    assert client.ask(get("/plain")).status == 502


@pytest.mark.core
def test_upstream_that_declines_keeps_http_going(site):
    """The classic smuggling: the client believes in a tunnel the upstream never opened."""
    site.origin.script = lambda c: (c.read(), c.reply(b"no", status="426 Upgrade Required"))
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE) + get("/next"))
    response = client.response()
    assert (response.status, response.body) == (426, b"no")
    for request in site.origin.requests[1:]:
        assert request.target == "/next" and request.get("x-forwarded-for") == "127.0.0.1"


@pytest.mark.core
@pytest.mark.parametrize("token", ["h2c", "foo/1", "TLS/1.0", "websocket, h2c", "h2c, websocket", "websocketx"])
def test_other_upgrade_tokens_are_not_forwarded(site, token):
    response = site.ask(get("/", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {token}", "HTTP2-Settings: AAMAAABkAAQAAP__"))
    assert response.status in (200, 400, 426)
    for request in site.origin.requests:
        assert request.get("upgrade") is None
        assert "upgrade" not in (request.get("connection") or "").lower()
        assert request.get("http2-settings") is None


@pytest.mark.core
def test_allowed_upgrade_token_is_tunnelled(open_site, open_origin):
    def script(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: foo\r\n\r\n")
        echo_all(connection)

    origin = open_origin(script)
    site = open_site(config_of(service(origin), gateway={"allowed_upgrades": ["foo"]}), origin)
    client = site.connect()
    client.send(get("/", "Connection: Upgrade", "Upgrade: foo"))
    assert client.response().status == 101
    assert origin.requests[-1].get("upgrade") == "foo"
    client.send(b"ping")
    assert client.exactly(4) == b"ping"


@pytest.mark.core
def test_allowed_upgrade_token_that_connection_does_not_name_is_not_forwarded(open_site, open_origin):
    """Without the option it is not meant for this hop (RFC 9110, 7.8)."""
    origin = open_origin()
    site = open_site(config_of(service(origin), gateway={"allowed_upgrades": ["foo/1"]}), origin)
    for lines in (["Upgrade: foo/1"], ["Upgrade: foo/1", "Connection: keep-alive"]):
        assert site.ask(get("/", *lines)).status == 200
    assert site.ask(get("/", "Upgrade: foo/1", "Connection: upgrade")).status == 200
    assert [request.get("upgrade") for request in origin.requests] == [None, None, "foo/1"]


@pytest.mark.core
@pytest.mark.parametrize("who", ["client", "upstream"])
def test_half_closed_tunnel_that_idles_costs_nothing_and_is_ended(open_site, open_origin, who):
    """One side has ended, the other says nothing: no event wakes the reactor, and the deadline holds."""
    def script(connection):
        if who == "upstream":
            connection.half_close()
        connection.wait_end()
        connection.origin.gate.wait(20)

    origin = open_origin(switching(script))
    origin.gate = threading.Event()
    site = open_site(config_of(service(origin), gateway={"timeouts": {"tunnel": 500}}), origin)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    before = site.scrape()["fastgate_reactor_loops_total"]
    if who == "client":
        client.half_close()
    site.wait_metric("fastgate_tunnels_active", 0)
    assert site.metrics()["fastgate_reactor_loops_total"] - before < 1000
    origin.gate.set()


@pytest.mark.core
def test_tunnel_that_idles_is_ended(open_site, open_origin):
    origin = open_origin(switching(lambda connection: connection.wait_end()))
    site = open_site(config_of(service(origin), gateway={"timeouts": {"tunnel": 300}}), origin)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    client.expect_end()
    assert origin.last.ended.wait(20)

"""request-transformer's http_method: framing on both sides, above all where one of them is HEAD."""

from __future__ import annotations

import base64
import json

import pytest

from support.client import get
from support.origin import Connection, Origin, answer
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]


@pytest.fixture
def open_method(open_site, open_origin):
    def start(method: str, script=None) -> Site:
        origin: Origin = open_origin(script)
        return open_site(config_of(service(origin, plugins=[plugin("request-transformer", http_method=method)])), origin)
    return start


def values(echoed, name: str) -> list[str]:
    return [value for key, value in echoed["headers"] if key.lower() == name]


def test_the_method_is_another_and_the_body_goes_along(open_method):
    echoed = open_method("PUT").echo(get("/", method="POST", body=b"hello"))
    assert (echoed["method"], echoed["body"]) == ("PUT", "hello")
    echoed = open_method("GET").echo(get("/", method="POST", body=b"hello"))
    assert (echoed["method"], echoed["body"]) == ("GET", "hello")


@pytest.mark.parametrize(("method", "told"), [("POST", ["0"]), ("PUT", ["0"]), ("PATCH", ["0"]), ("DELETE", [])])
def test_a_method_that_has_a_body_says_that_there_is_none(open_method, method, told):
    echoed = open_method(method).echo(get("/"))
    assert (echoed["method"], values(echoed, "content-length")) == (method, told)


# -- the client's HEAD, asked as GET ------------------------------------------------------------------------

BODIES = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello", ["5"]),
    "nothing": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\n\r\n", ["0"]),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-A: 1\r\n\r\n5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", []),
    "204": (b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n", []),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nX-A: 1\r\n\r\n", ["5"]),
    "early hints": (b"HTTP/1.1 103 Early Hints\r\nX-B: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello", ["5"]),
}


@pytest.mark.parametrize("kind", BODIES)
def test_who_sent_head_gets_no_body(open_method, kind):
    raw, told = BODIES[kind]
    site = open_method("GET", answer(raw))
    client = site.connect()
    for _ in range(3):
        head = client.ask(get("/", method="HEAD"), to_head=True)
        assert (head.all("content-length"), head.all("transfer-encoding"), head.all("x-a")) == (told, [], ["1"])
    assert {request.method for request in site.origin.requests} == {"GET"}
    assert len(site.origin.connections) == 1        # whole answers leave the connection usable
    assert client.ask(get("/", method="HEAD", version="1.0"), to_head=True).status == head.status
    client.expect_end()


def test_an_answer_until_close_is_none_to_head(open_method):
    site = open_method("GET", answer(b"HTTP/1.1 200 OK\r\nX-A: 1\r\n\r\nhello", then_close=True))
    client = site.connect()
    for _ in range(2):
        head = client.ask(get("/", method="HEAD"), to_head=True)
        assert (head.status, head.all("content-length"), head.all("transfer-encoding")) == (200, [], [])


@pytest.mark.parametrize("start", [b"Content-Length: 1000000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", b"\r\n"])
def test_head_does_not_wait_for_a_body_without_end(open_method, start):
    """The body is not read: its connection is closed, and the client's goes on."""
    ended = []

    def endless(connection: Connection) -> None:
        connection.read()
        ended.append(connection)
        connection.send(b"HTTP/1.1 200 OK\r\n" + start)
        connection.wait_end()

    site = open_method("GET", endless)
    client = site.connect()
    for count in (1, 2, 3):
        assert client.ask(get("/", method="HEAD"), to_head=True).status == 200
        assert ended[count - 1].ended.wait(60)
    assert len(site.origin.connections) == 3


def test_head_of_what_the_gateway_says_itself(open_method):
    site = open_method("GET", answer(b"nonsense\r\n\r\n", then_close=True))
    client = site.connect()
    for _ in range(2):
        head = client.ask(get("/", method="HEAD"), to_head=True)
        assert (head.status, head.get("content-length") not in (None, "0")) == (502, True)


# -- the client's GET, asked as HEAD ------------------------------------------------------------------------

HEADS = {
    "length": (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ["0"]),
    "chunked": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ["0"]),
    "nothing": (b"HTTP/1.1 200 OK\r\n\r\n", ["0"]),
    "404": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\n", ["0"]),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", []),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", ["5"]),
    "early hints": (b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", ["0"]),
}


@pytest.mark.parametrize("kind", HEADS)
@pytest.mark.parametrize("version", ["1.1", "1.0"])
def test_who_did_not_send_head_does_not_wait_for_a_body(open_method, kind, version):
    raw, told = HEADS[kind]
    site = open_method("HEAD", answer(raw))
    client = site.connect()
    for _ in range(3):
        got = client.ask(get("/", "Connection: keep-alive", version=version))
        assert (got.all("content-length"), got.all("transfer-encoding"), got.body) == (told, [], b"")
    assert {request.method for request in site.origin.requests} == {"HEAD"}
    assert len(site.origin.connections) == 1


def test_a_body_sent_to_head_all_the_same_ends_the_connection(open_method):
    """What follows the answer to HEAD is nobody's: it may not become the next one's answer."""
    site = open_method("HEAD", answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
    client = site.connect()
    for _ in range(3):
        assert client.ask(get("/")).body == b""
    assert len(site.origin.connections) == 3


def test_head_asked_as_head_is_as_ever(open_method):
    site = open_method("HEAD", answer(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"))
    head = site.ask(get("/", method="HEAD"), to_head=True)
    assert head.all("content-length") == ["5"]


# -- the rest -----------------------------------------------------------------------------------------------


def test_a_handshake_stays_a_get(open_method):
    key = base64.b64encode(bytes(16)).decode()
    site = open_method("POST")
    lines = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    assert json.loads(site.ask(get("/", *lines)).body)["method"] == "GET"


def test_a_try_is_repeated_by_the_method_that_was_sent(open_method):
    """The client's GET is the upstream's POST: sent once, whatever becomes of it."""
    def cut(connection: Connection) -> None:
        connection.read()
        connection.close()

    site = open_method("POST", cut)
    assert site.ask(get("/")).status == 502
    assert len(site.origin.requests) == 1

"""What an upstream may not send: 502 while nothing was relayed, both connections closed after."""

from __future__ import annotations

import json
import threading

import pytest

from gateway.corpus import BAD_RESPONSES
from support.client import get
from support.origin import answer, echo

pytestmark = pytest.mark.core
INVALID = "An invalid response was received from the upstream server"


@pytest.mark.parametrize("name", BAD_RESPONSES)
def test_malformed_response_becomes_502(site, name):
    raw = BAD_RESPONSES[name]

    def script(connection):
        connection.read()
        connection.send(raw)
        if name == "0.9":
            connection.half_close()
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    response = client.ask(get("/bad"))
    assert response.status == 502
    assert json.loads(response.body)["message"] == INVALID
    assert site.origin.last.ended.wait(20)
    site.origin.script = echo
    if "close" not in (response.get("connection") or ""):
        assert client.ask(get("/after")).status == 200


def test_response_with_equal_lengths_twice_is_one_length_or_502(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok")
    response = site.ask(get())
    assert response.status == 502 or response.all("content-length") == ["2"]


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\n"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_upstream_that_ends_within_the_head_becomes_502(site, raw, how):
    def script(connection):
        connection.read()
        connection.send(raw)
        getattr(connection, how)()

    site.origin.script = script
    response = site.ask(get("/", method="POST", body=b"x"))
    assert response.status == 502
    assert json.loads(response.body)["message"] == INVALID


BROKEN_BODIES = {
    "bad chunk size": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nxyz\r\n",
    "no CRLF after chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
    "chunk size overflow": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nfffffffffffffffff\r\n",
    "LF chunk": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\nabc\r\n0\r\n\r\n",
    "bad trailer": b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_body_malformed_from_the_start_is_502_or_cut(site, name):
    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\n" + BROKEN_BODIES[name])
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(get("/", "Connection: close"))
    rest = client.to_end()
    assert rest.startswith(b"HTTP/1.1 502 ") or not rest.endswith(b"0\r\n\r\n"), "it must not look whole"
    assert site.origin.last.ended.wait(20)


@pytest.mark.parametrize("name", BROKEN_BODIES)
def test_body_that_turns_out_malformed_ends_both(site, name):
    gate = threading.Event()
    good, _, bad = BROKEN_BODIES[name].partition(b"hello")

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\n" + good + b"hello")
        assert gate.wait(20)
        connection.send(bad)
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(get())
    client.until(b"hello")
    gate.set()
    assert not client.to_end().endswith(b"0\r\n\r\n"), "the client must not believe that the body was whole"
    assert site.origin.last.ended.wait(20)


def test_bytes_after_the_answer_are_not_the_next_answer(site):
    """Response smuggling: what follows a complete answer must never go to the next request."""
    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    site.origin.script = script
    client = site.connect()
    assert client.ask(get("/1")).body == b"ok"
    for _ in range(5):
        response = client.ask(get("/2"))
        assert response.body == b"ok"


def test_bytes_after_a_204_are_not_the_next_answer(site):
    site.origin.script = answer(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
    client = site.connect()
    for _ in range(5):
        assert client.ask(get()).status == 204


def test_bytes_after_a_head_answer_are_not_the_next_answer(site):
    def script(connection):
        request = connection.read()
        if request.method == "HEAD":        # an upstream that sends the body all the same
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
        else:
            connection.reply(b"good")

    site.origin.script = script
    client = site.connect()
    for _ in range(5):
        assert client.ask(get(method="HEAD"), to_head=True).status == 200
        assert client.ask(get()).body == b"good"


def test_answer_sent_before_any_request_is_not_used(site):
    """An idle pooled connection on which bytes arrive is dirty and must be thrown away."""
    def script(connection):
        connection.read()
        connection.reply(b"good")
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

    site.origin.script = script
    for _ in range(10):
        assert site.ask(get()).body == b"good"
        assert site.origin.last.ended.wait(10)      # thrown away, without being asked again


def test_fields_of_the_answer_cannot_split_the_head(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nX: a\r\n\r\nX-Evil: 1\r\nContent-Length: 0\r\n\r\n", then_close=True)
    response = site.ask(get())
    assert response.get("x-evil") is None

"""Connections to clients: kept, pipelined, closed when asked, HTTP/1.0 (RFC 9112, 9)."""

from __future__ import annotations

import json
import threading

import pytest

from support.client import get
from support.origin import answer, echo
from support.site import config_of, service

pytestmark = pytest.mark.core


def targets(client, count: int) -> list[str]:
    return [json.loads(client.response().body)["target"] for _ in range(count)]


def test_keep_alive_when_default_serves_many_requests(site):
    client = site.connect()
    for number in range(20):
        client.send(get(f"/{number}"))
        assert targets(client, 1) == [f"/{number}"]
    assert client.is_open()


def test_keep_alive_when_response_does_not_say_close_names_no_close(site):
    assert "close" not in (site.ask(get()).get("connection") or "").lower()


def test_pipelining_when_sent_at_once_answers_in_order(site):
    client = site.connect()
    client.send(b"".join(get(f"/{number}") for number in range(50)))
    assert targets(client, 50) == [f"/{number}" for number in range(50)]


@pytest.mark.parametrize("padding", [0, 300])
def test_pipelining_of_what_the_gateway_answers_itself(open_site, open_origin, padding):
    """More than one read holds, and none waits for an upstream."""
    origin = open_origin()
    site = open_site(config_of(service(origin, {"name": "some", "paths": ["/some"], "strip_path": False}), gateway={"workers": 1}), origin)
    paths = ["/some", "/none", "/none", "/none", "/none"] * 20
    client = site.connect()
    client.send(b"".join(get(path, f"X-Padding: {'p' * padding}") for path in paths))
    assert [client.response().status for _ in paths] == [200 if path == "/some" else 404 for path in paths]
    assert client.ask(get("/none")).status == 404


def test_pipelining_when_first_answer_is_late_keeps_order(site):
    gate = threading.Event()

    def script(connection):
        request = connection.read()
        if request.target == "/slow":
            assert gate.wait(20)
        connection.reply(request.target.encode())

    site.origin.script = script
    client = site.connect()
    client.send(get("/slow") + get("/fast"))
    assert site.origin.next_request().target == "/slow"
    gate.set()
    assert [client.response().body for _ in range(2)] == [b"/slow", b"/fast"]


def test_pipelining_with_bodies_keeps_framing(site):
    client = site.connect()
    chunked = get("/b", "Transfer-Encoding: chunked", method="POST") + b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    client.send(get("/a", method="POST", body=b"first") + chunked + get("/c") + get("/d", method="PUT", body=b""))
    bodies = [(echoed["target"], echoed["body"]) for echoed in
              (json.loads(client.response().body) for _ in range(4))]
    assert bodies == [("/a", "first"), ("/b", "abcde"), ("/c", ""), ("/d", "")]


def test_pipelining_when_client_half_closes_answers_all(site):
    client = site.connect()
    client.send(get("/1") + get("/2") + get("/3"))
    client.half_close()
    assert targets(client, 3) == ["/1", "/2", "/3"]
    client.expect_end()


def test_pipelining_when_client_asked_close_stops_after_it(site):
    client = site.connect()
    client.send(get("/1") + get("/2", "Connection: close") + get("/3"))
    assert targets(client, 2) == ["/1", "/2"]
    client.expect_end()
    assert "/3" not in [request.target for request in site.origin.requests]


def test_close_when_client_asks_is_answered_with_close(site):
    client = site.connect()
    response = client.ask(get("/", "Connection: close"))
    assert response.status == 200
    assert response.get("connection", "").lower() == "close"
    client.expect_end()


def test_close_when_upstream_closes_does_not_close_the_client(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", then_close=True)
    client = site.connect()
    for _ in range(3):
        response = client.ask(get())
        assert (response.status, response.body) == (200, b"ok")
    assert len({id(c) for c in site.origin.connections}) >= 3


def test_http10_when_plain_is_answered_and_closed(site):
    client = site.connect()
    response = client.ask(b"GET /old HTTP/1.0\r\nHost: test\r\n\r\n")
    assert json.loads(response.body)["target"] == "/old"
    client.expect_end()


def test_http10_without_host_is_served(site):
    client = site.connect()
    response = client.ask(b"GET /old HTTP/1.0\r\n\r\n")
    assert response.status == 200
    assert json.loads(response.body)["version"] == "HTTP/1.1"
    client.expect_end()


def test_http10_when_keep_alive_asked_either_keeps_and_says_so_or_closes(site):
    client = site.connect()
    response = client.ask(b"GET /old HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n")
    if response.get("connection", "").lower() == "keep-alive":
        assert client.ask(b"GET /again HTTP/1.0\r\nHost: test\r\n\r\n").status == 200
    client.expect_end()


def test_http10_when_upstream_answers_chunked_gets_plain_bytes_to_the_end(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n")
    client = site.connect()
    client.send(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
    head = client.head()
    assert head.get("transfer-encoding") is None
    assert client.to_end() == b"hello world"


def test_http10_client_is_not_sent_interim_answers(site):
    site.origin.script = answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    response = site.ask(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
    assert (response.status, response.interim, response.body) == (200, [], b"ok")


@pytest.mark.parametrize("raw", [
    b"HTTP/1.0 200 OK\r\n\r\nall of it",
    b"HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nall of it",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it",
    b"HTTP/1.1 200 OK\r\n\r\nall of it",
])
def test_upstream_body_to_the_close_arrives_whole(site, raw):
    site.origin.script = answer(raw, then_close=True)
    client = site.connect()
    response = client.ask(get())
    assert (response.status, response.body) == (200, b"all of it")


def test_upstream_http10_with_keep_alive_and_length_arrives_whole(site):
    site.origin.script = answer(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok")
    client = site.connect()
    for _ in range(3):
        assert client.ask(get()).body == b"ok"


def test_empty_lines_before_a_request_are_ignored(site):
    client = site.connect()
    client.send(b"\r\n\r\n" + get("/1") + b"\r\n" + get("/2"))
    assert targets(client, 2) == ["/1", "/2"]


def test_client_that_leaves_while_waiting_frees_the_upstream(site):
    left = threading.Event()

    def script(connection):
        connection.read()
        left.set()
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(get("/left"))
    assert left.wait(20)
    client.reset()
    assert site.origin.last.ended.wait(20)


def test_client_that_resets_mid_answer_frees_the_upstream(site):
    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while True:
            connection.send(b"x" * 65536)

    site.origin.script = script
    client = site.connect()
    client.send(get())
    client.head()
    client.exactly(100_000)
    client.reset()
    assert site.origin.last.ended.wait(20)


def test_idle_connections_ended_by_clients_are_closed(site):
    for _ in range(50):
        site.connect()
    site.settle()


def test_bytes_of_next_request_while_answering_are_kept(site):
    gate = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab")
        assert gate.wait(20)
        connection.send(b"cd")
        site.origin.script = echo

    site.origin.script = script
    client = site.connect()
    client.send(get("/1"))
    client.until(b"\r\n\r\nab")
    client.send(get("/2"))
    gate.set()
    assert client.exactly(2) == b"cd"
    assert targets(client, 1) == ["/2"]

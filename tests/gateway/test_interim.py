"""1xx, Expect: 100-continue, early final answers, server-sent events (RFC 9110, 10.1.1 and 15.2)."""

from __future__ import annotations

import threading

import pytest

from support.client import get, tcp_receive_queue
from support.messages import PeerClosed
from support.origin import answer, pattern
from support.site import config_of, service

pytestmark = pytest.mark.core
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def expecting(size: int, *fields: str) -> bytes:
    return get("/", f"Content-Length: {size}", "Expect: 100-continue", *fields, method="POST")


def test_103_is_forwarded_before_the_final_answer(site):
    site.origin.script = answer(b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n" + OK)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get())
        assert [(head.start[1], head.get("link")) for head in response.interim] == [("103", "</style.css>; rel=preload")]
        assert (response.status, response.body) == (200, b"ok")


def test_103_is_flushed_at_once(site):
    gate = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
        assert gate.wait(20)
        connection.send(OK)

    site.origin.script = script
    client = site.connect()
    client.send(get())
    assert client.head().start[1] == "103"
    gate.set()
    assert client.response().status == 200


def test_many_interim_answers_pass(site):
    site.origin.script = answer(b"HTTP/1.1 102 Processing\r\n\r\n" * 10 + OK)
    response = site.ask(get())
    assert (len(response.interim), response.status) == (10, 200)


def test_interim_answers_that_fill_the_client_do_not_stop_the_final_one(open_site, open_origin, tmp_path):
    """A client's Unix socket takes 200 KB; the gateway stops reading the upstream, and goes on later."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: " + b"x" * 60_000 + b"\r\n\r\n"
    sent = threading.Event()

    def script(connection):
        connection.read()
        connection.send(hints * 15 + OK)
        sent.set()

    origin = open_origin(script)
    site = open_site(config_of(service(origin)), origin, listen=[f"unix:{tmp_path}/gateway.sock"])
    client = site.connect()
    client.send(get())
    assert sent.wait(20)
    left = [0]
    while len(left) < 20 or not left[-1] or len(set(left[-20:])) > 1:   # the gateway has stopped reading
        left.append(tcp_receive_queue(origin.last.socket))
    response = client.response()
    assert (len(response.interim), response.body) == (15, b"ok")


def test_expect_when_upstream_continues_client_sees_100_first(site):
    def script(connection):
        request = connection.read_head()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.reply(connection.read_body(request))

    site.origin.script = script
    client = site.connect()
    for _ in range(2):
        client.send(expecting(5))
        assert client.head().start[1] == "100"
        client.send(b"hello")
        response = client.response()
        assert (response.status, response.interim, response.body) == (200, [], b"hello")


def test_expect_when_upstream_refuses_the_body_is_not_needed(site):
    def script(connection):
        connection.read_head()
        connection.reply(b"no", status="403 Forbidden")
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(expecting(5))
    response = client.response()
    assert (response.status, response.body) == (403, b"no")
    if client.is_open():                    # kept: the body we still owe must be taken as a body
        client.send_quietly(b"hello" + get("/next"))
    client.to_end()
    assert "/next" not in [request.target for request in site.origin.requests if request.method != "GET"]


def test_expect_when_client_does_not_wait_is_served(site):
    def script(connection):
        request = connection.read_head()
        connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        connection.reply(connection.read_body(request))

    site.origin.script = script
    response = site.ask(expecting(5) + b"hello")
    assert (response.status, response.body) == (200, b"hello")


def test_expect_when_upstream_never_says_100_but_reads_is_served(site):
    """An upstream that ignores Expect: the client sends its body after a while, as RFC 9110 lets it."""
    site.origin.script = lambda c: c.reply(c.read().body)
    client = site.connect()
    client.send(expecting(5))
    site.origin.next_request()
    client.send(b"hello")
    assert client.response().body == b"hello"


def test_expect_from_http10_is_ignored(site):
    site.origin.script = lambda c: c.reply(c.read().body)
    response = site.ask(b"POST / HTTP/1.0\r\nHost: test\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
    assert (response.status, response.interim, response.body) == (200, [], b"hi")


def test_expect_of_something_else_is_refused_or_passed(site):
    assert site.ask(get("/", "Expect: the-impossible")).status in (200, 417)


def test_early_final_answer_reaches_the_client_before_its_body_ends(site):
    def script(connection):
        connection.read_head()
        connection.reply(b"enough", "Connection: close", status="413 Content Too Large")
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(get("/", "Content-Length: 100000000", method="POST") + pattern(50_000))
    response = client.response()
    assert (response.status, response.body) == (413, b"enough")


def test_early_final_answer_when_upload_is_large_is_not_lost(site):
    """The upstream answers and closes while the client still pushes: the answer must arrive, not a reset."""
    def script(connection):
        connection.read_head()
        connection.reader.exactly(1000)
        connection.reply(b"enough", status="403 Forbidden")
        connection.close()

    site.origin.script = script
    for _ in range(5):
        client = site.connect()
        client.send(get("/", "Content-Length: 30000000", method="POST"))
        pusher = threading.Thread(target=lambda c=client: c.send_quietly(pattern(3_000_000)), daemon=True)
        pusher.start()
        response = client.response()
        assert response.status in (403, 502)
        client.close()
        pusher.join(20)


def test_early_final_answer_when_upstream_then_reads_the_body_keeps_both(site):
    def script(connection):
        request = connection.read_head()
        connection.reply(b"early")
        connection.read_body(request)

    site.origin.script = script
    client = site.connect()
    client.send(get("/1", "Content-Length: 6", method="POST") + b"abc")
    response = client.response()
    assert (response.status, response.body) == (200, b"early")
    client.send_quietly(b"def" + get("/2"))
    try:
        assert client.response().status == 200
    except PeerClosed as closed:
        assert not closed.unread            # to close after an early answer is allowed


def test_events_are_flushed_at_once(site):
    gates = [threading.Event() for _ in range(5)]

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
        for number, gate in enumerate(gates):
            connection.send(b"data: %d\n\n" % number)
            assert gate.wait(20)
        connection.close()

    site.origin.script = script
    client = site.connect()
    client.send(get("/events", "Accept: text/event-stream", "Connection: close"))
    for number, gate in enumerate(gates):
        client.until(b"data: %d\n\n" % number)
        gate.set()
    client.to_end()


def test_events_end_at_the_upstream_when_the_client_leaves(site):
    """A FIN alone may be a half-close; the next event that the client refuses with RST tells."""
    pause = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:                         # until sending fails: the gateway has gone
            connection.send(b"9\r\ndata: 1\n\n\r\n")
            pause.wait(0.02)

    site.origin.script = script
    client = site.connect()
    client.send(get("/events"))
    client.until(b"data: 1\n\n")
    client.close()
    assert site.origin.last.ended.wait(20)


def test_head_of_the_answer_comes_before_its_body(site):
    gate = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
        assert gate.wait(20)
        connection.send(b"ok")

    site.origin.script = script
    client = site.connect()
    client.send(get())
    assert client.head().start[1] == "200"
    gate.set()
    assert client.exactly(2) == b"ok"

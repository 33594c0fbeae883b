"""The end: SIGTERM finishes what runs, refuses what is new, and a second one quits."""

from __future__ import annotations

import json
import signal
import threading
import time

import pytest

from support.client import Client, get
from support.messages import PeerClosed
from support.origin import named
from support.site import config_of, service


@pytest.fixture
def held(open_site, open_origin):
    """A site whose upstream answers half, then waits for the gate; (site, client, gate)."""
    gate = threading.Event()

    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        gate.wait(20)
        connection.send(b"rest")

    origin = open_origin(script)
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    client.send(get())
    client.until(b"half")
    yield site, client, gate
    gate.set()


@pytest.mark.core
def test_term_when_idle_ends_with_zero(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)
    assert site.ask(get()).status == 200
    assert site.process.stop() == 0


@pytest.mark.core
def test_term_closes_idle_connections(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)
    idle, used = site.connect(), site.connect()
    assert used.ask(get()).status == 200
    site.process.signal(signal.SIGTERM)
    idle.expect_end()
    used.expect_end()
    assert site.process.wait() == 0


@pytest.mark.core
def test_term_finishes_requests_in_flight(held):
    site, client, gate = held
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("drain")
    assert site.process.returncode is None
    gate.set()
    assert client.exactly(4) == b"rest"
    client.expect_end()
    assert site.process.wait() == 0


@pytest.mark.core
@pytest.mark.parametrize("is_one_write", [True, False])
def test_term_serves_what_was_sent_ahead(open_site, open_origin, is_one_write):
    """The first answer's head could not say close yet, so the second request was rightly sent; its answer says it."""
    gate = threading.Event()

    def script(connection):
        if connection.read().target == "/1":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
            gate.wait(20)
            connection.send(b"rest")
        else:
            connection.reply(b"second")

    origin = open_origin(script)
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    client.send(get("/1") + (get("/2") if is_one_write else b""))
    assert client.head().get("connection") is None
    client.until(b"half")
    if not is_one_write:
        client.send(get("/2"))
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("drain")
    gate.set()
    assert client.exactly(4) == b"rest"
    second = client.response()
    assert (second.body, second.get("connection")) == (b"second", "close")
    client.expect_end()
    assert site.process.wait() == 0


def test_term_refuses_new_connections(held):
    site, client, gate = held
    site.process.signal(signal.SIGTERM)
    with pytest.raises(ConnectionRefusedError):
        for _ in range(500):
            with Client(site.address, deadline=5) as late:
                late.to_end()               # accepted just before: closed at once; never left in the backlog
            threading.Event().wait(0.02)
    gate.set()
    assert client.exactly(4) == b"rest"
    assert site.process.wait() == 0


@pytest.mark.core
def test_term_while_a_body_comes_finishes_it(open_site, open_origin):
    origin = open_origin(lambda c: c.reply(c.read().body))
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    client.send(get("/", "Content-Length: 10", method="POST") + b"01234")
    origin.next_request()
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("drain")
    client.send(b"56789")
    response = client.response()
    assert (response.status, response.body) == (200, b"0123456789")
    assert response.get("connection", "").lower() == "close"
    client.expect_end()
    assert site.process.wait() == 0


def test_second_term_quits_at_once(held):
    site, client, _ = held
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("drain")
    site.process.signal(signal.SIGTERM)
    site.process.wait()
    client.expect_end()


def test_drain_deadline_ends_what_is_left(open_site, open_origin):
    origin = open_origin(lambda c: (c.read(), c.wait_end()))
    site = open_site(config_of(service(origin), gateway={"timeouts": {"drain": 300}}), origin)
    client = site.connect()
    client.send(get())
    origin.next_request()
    site.process.signal(signal.SIGTERM)
    site.process.wait()
    client.expect_end()


@pytest.mark.parametrize("workers", [1, 2])
def test_term_under_load_loses_no_accepted_request(open_site, open_origin, workers):
    """Who goes on asking is answered, and told to close, before its connection is closed."""
    origin = open_origin(named, name="o")
    site = open_site(config_of(service(origin)), origin, workers=workers)
    begun, failures = threading.Semaphore(0), []

    def work():
        client = site.connect()
        is_told, answered = False, time.monotonic()
        while not is_told:
            client.send_quietly(get())
            is_late = time.monotonic() - answered > 0.5         # of the second that it has
            try:
                response = client.response()
            except PeerClosed as closed:
                if closed.unread or not is_late:
                    failures.append(closed)
                return
            answered = time.monotonic()
            is_told = response.get("connection") == "close"
            if response.body != b"o":
                failures.append(response.body)
            begun.release()

    threads = [threading.Thread(target=work, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(200):
        assert begun.acquire(timeout=20)
    site.process.signal(signal.SIGTERM)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    assert site.process.wait() == 0
    assert not failures


def test_access_log_is_flushed_at_the_end(open_site, open_origin, tmp_path):
    path = tmp_path / "access.log"
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin, access_log=str(path))
    client = site.connect()
    for number in range(200):
        client.ask(get(f"/{number}"))
    client.close()
    assert site.process.stop() == 0
    uris = [json.loads(line)["request"]["uri"] for line in path.read_text().splitlines()]
    assert uris == [f"/{n}" for n in range(200)]


def test_tunnel_is_ended_by_the_drain_deadline(open_site, open_origin):
    from gateway.test_websocket import HANDSHAKE, echo_all, switching
    origin = open_origin(switching(echo_all))
    site = open_site(config_of(service(origin), gateway={"timeouts": {"drain": 300}}), origin)
    client = site.connect()
    client.send(get("/ws", *HANDSHAKE))
    assert client.response().status == 101
    site.process.signal(signal.SIGTERM)
    site.process.wait()
    client.expect_end()

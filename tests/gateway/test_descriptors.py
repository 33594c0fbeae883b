"""Out of file descriptors: new work is refused, what runs goes on, and it recovers by itself."""

from __future__ import annotations

import os
import resource
import threading

import pytest

from support.client import get
from support.messages import PeerClosed
from support.origin import named
from support.site import config_of, service


def limit_descriptors(site, spare: int) -> None:
    """Leave the gateway only `spare` descriptors more than it has now."""
    count = max(int(p) for p in os.listdir(f"/proc/{site.process.pid}/fd")) + 1
    _, hard = resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(site.process.pid, resource.RLIMIT_NOFILE, (count + spare, hard))


def answer_of(client) -> int | None:
    """The status of an answer that comes soon; None: not accepted yet, or shut at once."""
    client.socket.settimeout(0.2)
    try:
        return client.response().status
    except (TimeoutError, PeerClosed):
        return None


@pytest.fixture
def held(open_site, open_origin):
    """A site and a client whose answer is half-way; the gate lets it go on."""
    gate = threading.Event()

    def script(connection):
        request = connection.read()
        if request.target != "/held":
            connection.reply(b"short")
            return
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        gate.wait(60)
        connection.send(b"rest")

    origin = open_origin(script)
    site = open_site(config_of(service(origin), gateway={"limits": {"connections": 1000}}), origin)
    client = site.connect()
    client.send(get("/held"))
    client.until(b"half")
    yield site, client, gate
    gate.set()


def test_out_of_descriptors_running_goes_on_and_it_recovers(held):
    site, client, gate = held
    limit_descriptors(site, 10)
    crowd = []
    for _ in range(40):
        crowd.append(site.connect())
        crowd[-1].send_quietly(get("/crowd"))
    assert {answer_of(other) for other in crowd} <= {200, 503, None}
    gate.set()
    assert client.exactly(4) == b"rest"
    assert client.ask(get("/again")).status in (200, 503)
    for other in crowd:
        other.close()
    # Those still in the backlog are accepted, and found closed, before it is quiet again.
    row = 0
    while row < 20:
        row = row + 1 if site.ask(get("/recovered")).status == 200 else 0


def test_out_of_descriptors_does_not_spin(held):
    """A listener that cannot accept must not turn the reactor into a busy loop."""
    site, client, gate = held
    limit_descriptors(site, 4)
    crowd = [site.connect() for _ in range(30)]
    before = site.cpu_time()
    threading.Event().wait(1.0)
    assert site.cpu_time() - before < 0.5, "a whole second of waiting cost more than half of one"
    for other in crowd:
        other.close()
    gate.set()
    assert client.exactly(4) == b"rest"


def test_limit_of_connections_refuses_and_recovers(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin), gateway={"limits": {"connections": 10}}), origin)
    kept = [site.connect() for _ in range(10)]
    assert all(client.ask(get()).status == 200 for client in kept)
    late = [site.connect() for _ in range(5)]
    for client in late:
        client.send_quietly(get())
        assert answer_of(client) in (503, None)
    assert all(client.ask(get()).status == 200 for client in kept)
    for client in kept:
        client.close()
    assert site.ask(get()).status == 200
    for client in late:
        client.close()
    site.settle()
    assert site.ask(get()).status == 200


def test_thousand_connections_leave_nothing(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)
    site.ask(get())
    before = site.descriptors()
    clients = [site.connect() for _ in range(1000)]
    for client in clients[::10]:
        assert client.ask(get()).status == 200
    for client in clients:
        client.close()
    site.settle()
    assert site.descriptors() <= before + 2

"""The benchmark's own programs count exactly and notice what must not be counted."""

import socket
import threading

import pytest
from peers.peer import Setup
from peers.relay import configure
from process import Program, free_port, get
from sample import Load, Origin


@pytest.fixture(params=[13, 3_000_000], ids=["small", "beyond socket buffers"])
def chain(request, tmp_path):
    """An origin and the relay in front of it: (origin, the relay's port, response bytes)."""
    with Origin(request.param) as origin:
        port = free_port()
        with Program(configure(Setup(tmp_path, port, origin.port)), None) as relay:
            relay.wait_ready(port)
            yield origin, port, request.param


@pytest.mark.parametrize("arguments", [[], ["-b", "1000"], ["-b", "2000000"], ["-C"], ["-u", "/r/%05u/", "-n", "7"]], ids=str)
def test_every_request_is_counted_once(chain, arguments):
    origin, port, body_bytes = chain
    with Load(port, ["-c", "5", "-t", "150", *arguments]) as load:
        before = origin.counts()
        load.begin()
        result = load.result()
        after = origin.counts()
    assert result["errors"] == result["lost"] == result["reconnects"] == 0
    assert result["requests"] == after["requests"] - before["requests"] > 5
    assert result["bytes"] == result["requests"] * body_bytes
    opened = after["connections"] - before["connections"] - 1
    assert opened == (result["requests"] if "-C" in arguments else 0)


def test_relay_hands_bodies_on_unchanged(chain):
    _, port, body_bytes = chain
    assert get(port, "/") == (200, b"x" * body_bytes)


def test_idle_connections_stay_open(chain):
    origin, port, _ = chain
    before = origin.counts()
    with Load(port, ["-i", "-c", "150"]) as load:
        after = origin.counts()
        load.begin()
        assert load.result() == {"closed": 0}
    assert after["requests"] - before["requests"] == 150


class Scripted(threading.Thread):
    """Serves one connection after the other: answers `good` requests well, the next with `last`, and closes."""

    def __init__(self, good: int, last: bytes) -> None:
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.good, self.last = good, last

    def run(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                for number in range(self.good + 1):
                    if not connection.recv(4096):
                        break
                    is_last = number == self.good
                    connection.sendall(self.last if is_last else b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def scripted():
    servers = []

    def start(good: int, last: bytes) -> Scripted:
        servers.append(Scripted(good, last))
        servers[-1].start()
        return servers[-1]

    yield start
    for server in servers:
        server.listener.close()


BAD = {
    "not 2xx": b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno",
    "no length": b"HTTP/1.1 200 OK\r\n\r\n",
    "cut short": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
    "cut in the head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "too long": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc",
    "closed": b"",
}


@pytest.mark.parametrize("last", BAD.values(), ids=BAD)
def test_bad_answers_are_errors(scripted, last):
    server = scripted(5, last)
    with Load(server.port, ["-c", "1", "-t", "60"]) as load:
        load.begin()
        assert load.result()["errors"] >= 1


def test_a_connection_closed_between_requests_is_tried_again_on_demand(scripted):
    server = scripted(5, b"")
    with Load(server.port, ["-c", "1", "-t", "60", "-g"]) as load:
        load.begin()
        result = load.result()
    assert result["errors"] == 0 and result["lost"] >= 1 and result["requests"] > 5


def test_failing_warm_up_is_reported(scripted):
    server = scripted(0, BAD["not 2xx"])
    with pytest.raises(RuntimeError, match="warm-up"):
        Load(server.port, ["-c", "1"])

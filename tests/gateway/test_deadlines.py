"""Time: heads, bodies and readers that are too slow are ended, by a total deadline and a minimum rate.

No test says how long it takes; each only says that it ends, and how.
"""

from __future__ import annotations

import threading

import pytest

from support.client import get
from support.messages import PeerClosed
from support.origin import sizes

pytestmark = pytest.mark.core
# Bodies and readers get longer: a steady one may lose the processor for a second to other tests.
GATEWAY = {"timeouts": {"client_header": 500, "client_body": 2000, "client_write": 2000, "min_rate": 10_000,
                        "keep_alive": 500, "linger": 300}}


def drip(client, data: bytes, stop: threading.Event, pause: float = 0.05) -> threading.Thread:
    """Send one byte at a time until the gateway closes: alive between any two reads, yet too slow."""
    def run():
        for at in range(len(data)):
            if stop.wait(pause):
                return
            client.send_quietly(data[at:at + 1])
            if client.was_reset:
                return

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@pytest.fixture
def stop():
    event = threading.Event()
    yield event
    event.set()


def test_connection_without_a_request_is_closed(site):
    assert site.connect().to_end() == b""


def test_head_that_stops_gets_408(site):
    client = site.connect()
    client.send(b"GET / HTTP/1.1\r\nHost: te")
    assert client.response().status == 408
    client.expect_end()


def test_head_that_drips_gets_408(site, stop):
    client = site.connect()
    drip(client, get("/", "X-Slow: " + "a" * 1000), stop)
    assert client.response().status == 408
    client.to_end()
    assert not site.origin.requests


def test_head_of_empty_lines_that_drip_is_ended(site, stop):
    client = site.connect()
    drip(client, b"\r\n" * 500, stop)
    rest = client.to_end()
    assert rest == b"" or rest.startswith((b"HTTP/1.1 408 ", b"HTTP/1.1 400 "))


def test_kept_connection_that_idles_is_closed_quietly(site):
    client = site.connect()
    assert client.ask(get()).status == 200
    client.expect_end()


def test_second_head_that_drips_gets_408(site, stop):
    client = site.connect()
    assert client.ask(get()).status == 200
    drip(client, get("/second", "X-Slow: " + "a" * 1000), stop)
    assert client.response().status == 408


def test_body_that_stops_gets_408(site):
    site.origin.script = lambda connection: connection.read()
    client = site.connect()
    client.send(get("/", "Content-Length: 100", method="POST") + b"half")
    assert client.response().status == 408
    client.expect_end()
    for request in site.origin.requests:
        assert request.connection.ended.wait(60)


@pytest.mark.parametrize("form", ["Content-Length: 100000", "Transfer-Encoding: chunked"])
def test_body_below_the_minimum_rate_gets_408(site, stop, form):
    site.origin.script = lambda connection: connection.read()
    client = site.connect()
    client.send(get("/", form, method="POST"))
    body = b"x" * 100_000 if "Length" in form else b"1\r\nx\r\n" * 20_000
    drip(client, body, stop)
    assert client.response().status == 408
    for request in site.origin.requests:
        assert request.connection.ended.wait(60)


def test_body_whose_answer_began_is_cut_without_408(site, stop):
    def script(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
        connection.wait_end()

    site.origin.script = script
    client = site.connect()
    client.send(get("/", "Content-Length: 100000", method="POST"))
    drip(client, b"x" * 100_000, stop)
    rest = client.to_end()
    assert rest.startswith(b"HTTP/1.1 200") and rest.endswith(b"half")


def test_reader_that_stops_is_cut(site):
    site.origin.script = sizes
    client = site.connect(receive_buffer=4096)
    client.send(get("/length/50000000"))
    assert site.origin.next_request().connection.ended.wait(60)
    assert len(client.to_end()) < 50_000_000


def test_reader_that_was_fast_and_stops_is_cut(site):
    """What it took before earns no stall."""
    site.origin.script = sizes
    client = site.connect(receive_buffer=1 << 20)       # else its kernel's grows while it reads, and takes all there is
    client.send(get("/length/50000000"))
    client.exactly(20_000_000)
    assert site.origin.next_request().connection.ended.wait(60)
    assert len(client.to_end()) < 30_000_000


def test_sender_that_was_fast_and_stops_gets_408(site):
    site.origin.script = lambda connection: connection.read()
    client = site.connect()
    client.send_quietly(get("/", "Content-Length: 50000000", method="POST") + b"x" * 20_000_000)
    assert client.response().status == 408


def test_reader_whom_the_kernel_holds_much_for_is_not_cut(site):
    """Megabytes in socket buffers leave without an event; the client takes them steadily all the same."""
    site.origin.script = sizes
    client = site.connect()
    client.send(get("/length/30000000"))
    pause = threading.Event()
    client.head()
    for _ in range(20):
        client.exactly(400_000)         # a kernel tells of a sixteenth of its buffer at a time, some 375 KB
        pause.wait(0.1)
    client.exactly(22_000_000)


def test_reader_below_the_minimum_rate_is_cut(site, stop):
    site.origin.script = sizes
    client = site.connect(receive_buffer=4096)
    client.send(get("/length/50000000"))

    def sip():
        while not stop.wait(0.1):
            try:
                client.socket.recv(10)
            except OSError:
                return

    threading.Thread(target=sip, daemon=True).start()
    assert site.origin.next_request().connection.ended.wait(60)
    stop.set()


def test_reader_that_is_slow_but_steady_gets_all(site):
    """Above the minimum rate nobody is cut, however long it takes in all."""
    site.origin.script = sizes
    client = site.connect(receive_buffer=8192)
    client.send(get("/length/3000000"))
    got, pause = 0, threading.Event()
    client.head()
    while got < 3_000_000:
        got += len(client.exactly(min(60_000, 3_000_000 - got)))
        pause.wait(0.05)
    assert got == 3_000_000


def test_body_that_is_slow_but_steady_passes(site):
    site.origin.script = lambda c: c.reply(str(len(c.read().body)).encode())
    client = site.connect()
    client.send(get("/", "Content-Length: 200000", method="POST"))
    pause = threading.Event()
    for _ in range(40):
        client.send(b"x" * 5000)
        pause.wait(0.05)
    assert client.response().body == b"200000"


def test_waiting_for_a_slow_upstream_is_no_clients_fault(site):
    gate = threading.Event()

    def script(connection):
        connection.read()
        gate.wait(3)                        # longer than any of the client's deadlines
        connection.reply(b"late")

    site.origin.script = script
    assert site.ask(get()).body == b"late"


def test_upload_that_the_upstream_reads_slowly_is_no_clients_fault(site):
    """Back-pressure from the upstream holds the client back; its minimum rate must not count then."""
    gate = threading.Event()

    def script(connection):
        request = connection.read_head()
        gate.wait(4)                        # two of the client's deadlines
        connection.reply(str(len(connection.read_body(request))).encode())

    site.origin.script = script
    client = site.connect()
    data = b"x" * 20_000_000
    pusher = threading.Thread(target=lambda: client.send_quietly(get("/", method="POST", body=data)), daemon=True)
    pusher.start()
    assert client.response().body == b"20000000"
    pusher.join(20)


def test_client_that_never_closes_after_a_refusal_is_let_go(site, stop):
    """Lingering ends by itself although the client keeps sending."""
    client = site.connect()
    client.send_quietly(b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
    assert client.response().status == 400
    drip(client, b"x" * 5000, stop, 0.02)
    site.wait_metric("fastgate_connections_active", 0)


def test_many_slow_heads_do_not_disturb_others(site):
    slow = [site.connect() for _ in range(100)]
    for client in slow:
        client.send(b"GET / HTTP/1.1\r\n")
    assert site.ask(get()).status == 200
    for client in slow:
        try:
            assert client.response().status == 408
        except PeerClosed:
            pass                            # closed without words is a clear answer too

"""Bodies far larger than memory through slow peers: the gateway's memory stays flat.

MASSIVE=4G (or any number of bytes, K/M/G) in FASTGATE_TEST_MASSIVE sets the size; 300 MB otherwise.
"""

from __future__ import annotations

import os
import threading
import time

import pytest

from support.client import get
from support.origin import pattern
from support.site import config_of, service

UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
GROWTH = 8 << 20            # what one exchange may cost at most, pages of a warmed-up process included


def massive() -> int:
    text = os.environ.get("FASTGATE_TEST_MASSIVE", "300M")
    return int(text[:-1]) * UNITS[text[-1]] if text[-1] in UNITS else int(text)


BLOCK = pattern(1 << 20)


@pytest.fixture
def warm(open_site, open_origin):
    def start(script):
        origin = open_origin(lambda c: c.reply(c.read().body))
        site = open_site(config_of(service(origin)), origin)
        for _ in range(20):
            assert site.ask(get("/", method="POST", body=pattern(300_000))).status == 200
        origin.script = script
        for connection in origin.connections:
            connection.keeps_record = False
        return site
    return start


def stand(site) -> int:
    """The gateway's memory once nothing moves: the stalled peer has filled every buffer on the way."""
    last, since, end = site.process.rss(), time.monotonic(), time.monotonic() + 20
    while time.monotonic() - since < 0.3 and time.monotonic() < end:
        now = site.process.rss()
        if now > last:
            last, since = now, time.monotonic()
        time.sleep(0.02)
    return last


@pytest.mark.parametrize("form", ["length", "chunked"])
def test_download_through_a_slow_reader_keeps_memory_flat(warm, form):
    size = massive() // len(BLOCK) * len(BLOCK)

    def script(connection):
        connection.read()
        if form == "length":
            connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        else:
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(size // len(BLOCK)):
            if form == "length":
                connection.send(BLOCK)
            else:
                connection.send(b"%x\r\n" % len(BLOCK))
                connection.send(BLOCK)
                connection.send(b"\r\n")
        if form == "chunked":
            connection.send(b"0\r\n\r\n")

    site = warm(script)
    before = site.process.rss()
    client = site.connect(receive_buffer=65536)
    client.send(get())
    client.head()
    peak = stand(site)                      # nobody reads: the upstream must be held back
    got = 0
    while got < size:
        if form == "length":
            piece = client.exactly(min(len(BLOCK), size - got))
            assert piece == BLOCK[:len(piece)]
            got += len(piece)
        else:
            length = int(client.until(b"\r\n"), 16)
            assert length > 0, "ended early"
            got += len(client.exactly(length))
            assert client.exactly(2) == b"\r\n"
        peak = max(peak, site.process.rss())
    if form == "chunked":
        assert client.exactly(5) == b"0\r\n\r\n"
    assert peak - before < GROWTH, f"{(peak - before) >> 20} MB more"


@pytest.mark.parametrize("form", ["length", "chunked"])
def test_upload_to_a_slow_upstream_keeps_memory_flat(warm, form):
    size = massive() // len(BLOCK) * len(BLOCK)
    gate, counted = threading.Event(), []

    def script(connection):
        connection.keeps_record = False
        connection.read_head()
        gate.wait(60)
        tail = connection.reader.take(len(connection.reader.buffer))
        got = len(tail)
        while got < size if form == "length" else not tail.endswith(b"0\r\n\r\n"):
            data = connection._receive()
            if not data:
                raise ConnectionError
            got += len(data)
            tail = (tail + data)[-64:]
        counted.append(got)
        connection.reply(b"done")

    site = warm(script)
    before = site.process.rss()
    client = site.connect()

    def push():
        if form == "length":
            client.send(get("/", f"Content-Length: {size}", method="POST"))
        else:
            client.send(get("/", "Transfer-Encoding: chunked", method="POST"))
        for _ in range(size // len(BLOCK)):
            if form == "chunked":
                client.send(b"%x\r\n" % len(BLOCK))
            client.send(BLOCK)
            if form == "chunked":
                client.send(b"\r\n")
        if form == "chunked":
            client.send(b"0\r\n\r\n")

    pusher = threading.Thread(target=push, daemon=True)
    pusher.start()
    site.origin.next_request()
    peak = stand(site)                      # nobody reads: the client must be held back
    gate.set()
    while pusher.is_alive():
        pusher.join(0.02)
        peak = max(peak, site.process.rss())
    assert client.response().body == b"done"
    assert counted[0] >= size
    assert peak - before < GROWTH, f"{(peak - before) >> 20} MB more"


def test_many_stalled_readers_hold_bounded_memory(warm):
    """100 clients who read nothing of an endless answer: each costs its buffers, no more."""
    def script(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        for _ in range(1000):
            connection.send(BLOCK)

    site = warm(script)
    before = site.process.rss()
    clients = [site.connect(receive_buffer=4096) for _ in range(100)]
    for client in clients:
        client.send(get())
    for client in clients:
        client.head()
    assert stand(site) - before < 100 * 160 * 1024
    for client in clients:
        client.reset()


def test_pipelining_without_reading_holds_bounded_memory(warm):
    """A client that sends requests for ever and reads no answer is not read any more."""
    site = warm(lambda c: (c.read(), c.reply(pattern(100_000))))
    before = site.process.rss()
    client = site.connect(receive_buffer=4096)
    client.socket.settimeout(1.0)
    sent = 0
    try:
        for _ in range(2000):
            client.send(get("/" + "x" * 10_000))
            sent += 1
    except TimeoutError:
        pass
    assert sent < 2000, "the gateway kept reading"
    assert site.process.rss() - before < GROWTH
    client.reset()

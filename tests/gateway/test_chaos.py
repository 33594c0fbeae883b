"""Everything at once: clients and upstreams that misbehave at random moments, reloads meanwhile.

Well-behaved exchanges among them must be exact; in the end nothing is left over.
FASTGATE_TEST_FUZZ: rounds a client makes, in all; FASTGATE_TEST_SEED: where to begin.
"""

from __future__ import annotations

import random
import threading

import pytest

from gateway.generate import CASES, SEED, pieces_of, request_stream
from gateway.test_websocket import HANDSHAKE, SWITCH, echo_all
from support.client import Client, get
from support.messages import Malformed, PeerClosed, chunk
from support.origin import pattern
from support.site import config_of, service, upstream

CLIENTS = 6
SIZES = [0, 10, 5000, 100_000, 700_000]
KEPT_SIZES = [0, 10, 5000, 60_000]      # within retry_buffer_bytes: sent again when a pooled connection dies under them


def moody(connection) -> None:
    """Does what the target says: /<what>/<size>."""
    request = connection.read_head()
    parts = request.target.strip("/").split("/")
    what, size = parts[0], int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 10
    body = pattern(size)
    if what == "reset-before":
        connection.reset()
        return
    if what == "early":
        connection.reply(b"early", status="403 Forbidden")
        connection.close()
        return
    if request.get("upgrade"):
        connection.send(SWITCH)
        echo_all(connection)
        connection.close()
        return
    connection.read_body(request)
    if what == "close-before":
        connection.close()
    elif what == "cut":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size + 1) + body)
        connection.close()
    elif what == "cut-head":
        connection.send(b"HTTP/1.1 200 OK\r\nContent-Le")
        connection.reset()
    elif what == "garbage":
        connection.send(b"\x00\x01garbage\r\n\r\n")
    elif what == "chunked":
        connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for at in range(0, size, 30_000):
            connection.send(chunk(body[at:at + 30_000]))
        connection.send(b"0\r\n\r\n")
    elif what == "until-close":
        connection.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
        connection.close()
    else:
        connection.reply(body)


GOOD = ["plain", "chunked", "until-close"]
BAD = ["reset-before", "early", "close-before", "cut", "cut-head", "garbage"]


class Crowd:
    """The clients' side of the chaos; what went wrong is in `failures`."""

    def __init__(self, site) -> None:
        self.site = site
        self.failures: list[str] = []

    def good(self, rng: random.Random) -> None:
        """A few honest requests on one connection, pipelined or not, exact answers wanted."""
        with Client(self.site.address) as client:
            wanted = []
            for _ in range(rng.choice([1, 3, 6])):
                size, what = rng.choice(SIZES), rng.choice(GOOD)
                body = pattern(rng.choice(KEPT_SIZES)) if rng.random() < 0.4 else None
                wanted.append(size)
                client.send(get(f"/{what}/{size}", method="PUT" if body is not None else "GET", body=body))
                if rng.random() < 0.6 or body:
                    self.take(client, wanted)
            self.take(client, wanted)

    def take(self, client: Client, wanted: list[int]) -> None:
        while wanted:
            size = wanted.pop(0)
            response = client.response()
            if (response.status, len(response.body)) != (200, size) or response.body != pattern(size):
                self.failures.append(f"{response.status} with {len(response.body)} bytes, not 200 with {size}")

    def bad_upstream(self, rng: random.Random) -> None:
        with Client(self.site.address) as client:
            body = pattern(rng.choice(SIZES)) if rng.random() < 0.5 else None
            client.send_quietly(get(f"/{rng.choice(BAD)}/{rng.choice(SIZES)}", method="POST" if body else "GET", body=body))
            client.response()

    def leaver(self, rng: random.Random) -> None:
        """Sends part of something, reads part of the answer, and goes without a word."""
        with Client(self.site.address) as client:
            data = get(f"/{rng.choice(GOOD + BAD)}/{rng.choice(SIZES)}", method="PUT", body=pattern(rng.choice(SIZES)))
            client.send_quietly(data[:rng.randrange(1, len(data) + 1)])
            if rng.random() < 0.5:
                client.socket.settimeout(0.02)
                client.exactly(rng.choice([1, 1000]))
            if rng.random() < 0.7:
                client.reset()

    def garbler(self, rng: random.Random) -> None:
        with Client(self.site.address) as client:
            for piece in pieces_of(rng, request_stream(rng)):
                client.send_quietly(piece)
            client.half_close()
            client.to_end()

    def tunneller(self, rng: random.Random) -> None:
        with Client(self.site.address) as client:
            client.send(get("/ws", *HANDSHAKE))
            assert client.response().status == 101
            for _ in range(rng.randrange(4)):
                data = pattern(rng.choice([1, 3000, 50_000]))
                client.send(data)
                if client.exactly(len(data)) != data:
                    self.failures.append("the tunnel changed bytes")
            if rng.random() < 0.5:
                client.reset()

    def run(self, seed: int, rounds: int) -> None:
        for number in range(rounds):
            rng = random.Random(seed * 1_000_003 + number)
            role = rng.choice([self.good, self.good, self.bad_upstream, self.leaver, self.garbler, self.tunneller])
            try:
                role(rng)
            except (PeerClosed, ConnectionError, Malformed) as error:
                if role in (self.good, self.tunneller):
                    self.failures.append(f"{role.__name__}, seed {seed}, round {number}: {error!r}")
            except TimeoutError as error:
                if role != self.leaver:
                    self.failures.append(f"{role.__name__}, seed {seed}, round {number}: {error!r}")
            except OSError:
                pass                        # half-closing what the gateway has closed


@pytest.mark.core
@pytest.mark.parametrize("workers", [1, 2])
def test_chaos_leaves_nothing_and_harms_nobody(open_site, open_origin, workers):
    origins = [open_origin(moody, name=f"o{n}") for n in range(2)]

    def config(mark: int):
        pool = upstream("pool", (origins[0], 100), (origins[1], 50 + mark % 50),
                        algorithm=["round-robin", "least-connections"][mark % 2])
        return config_of(service("pool", retries=3, read_timeout=5000), upstreams=[pool])

    site = open_site(config(0), workers=workers)    # the origins' own complaints are no matter here
    crowd, stop = Crowd(site), threading.Event()
    threads = [threading.Thread(target=crowd.run, args=(SEED + n, CASES // CLIENTS // 2)) for n in range(CLIENTS)]

    def reload():
        mark = 0
        while not stop.wait(0.05):
            mark += 1
            if not site.process.reload(config(mark))["ok"]:
                crowd.failures.append("a reload failed")

    reloader = threading.Thread(target=reload)
    for thread in [*threads, reloader]:
        thread.start()
    for thread in threads:
        thread.join(300)
    stop.set()
    reloader.join(30)
    assert site.process.returncode is None, site.process.log()
    assert not crowd.failures, crowd.failures[:5]
    assert site.ask(get("/plain/10")).body == pattern(10)

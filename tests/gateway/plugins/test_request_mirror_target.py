"""request-mirror before a target that is well, dead, slow or mad: whoever asks never notices."""

from __future__ import annotations

import signal
import socket
import threading

import pytest

from gateway.plugins.mirror_site import Hangs, Shadow, mirrored, mirrors
from support.client import get
from support.origin import Connection, Origin, pattern, wait_until
from support.site import Site, config_of, service

pytestmark = [pytest.mark.core]
MANY = 20


@pytest.fixture
def origin(open_origin):
    return open_origin()


@pytest.fixture
def before(open_site, origin):
    """A gateway before `origin` that copies to a Shadow of this behaviour."""
    opened: list[Shadow] = []

    def start(answer=Connection.reply, **config) -> tuple[Site, Shadow]:
        opened.append(Shadow(answer))
        return open_site(mirrored(origin, opened[-1], **config), origin), opened[-1]

    yield start
    for shadow in opened:
        shadow.close()


def ask_many(site: Site, n: int = MANY, body: bytes = b"body") -> None:
    client = site.connect()
    for _ in range(n):
        answer = client.ask(get("/", method="POST", body=body))
        assert answer.status == 200, (answer.status, answer.text)


def raw(data: bytes, *, then_close: bool = False):
    def answer(connection: Connection) -> None:
        connection.send(data)
        if then_close:
            connection.close()
    return answer


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"
CLEAN = {
    "length": LENGTH,
    "an error": b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nno",
    "none": b"HTTP/1.1 204 None\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Trailer: t\r\n\r\n",
    "interim": b"HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + LENGTH,
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: v\r\n" % n for n in range(100)) + b"Content-Length: 0\r\n\r\n",
}
NOT_CLEAN = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx",
    "http/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx",
    "more than asked for": LENGTH + b"HTTP/1.1 200 OK\r\n",
}
MAD = {
    "garbage": b"\x00\x01\x02 no HTTP\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
    "a head without end": b"HTTP/1.1 200 OK\r\n" + b"X-Long: " + b"x" * 300_000,
}


@pytest.mark.parametrize("name", CLEAN)
def test_whatever_it_answers_nobody_hears_and_the_connection_is_used_again(before, name):
    site, shadow = before(raw(CLEAN[name]))
    for n in range(1, MANY):
        ask_many(site, 1)
        assert mirrors(site) == {"sent": n}     # over, one after the other
    assert len(shadow.connections) == 1


@pytest.mark.parametrize("name", NOT_CLEAN)
def test_an_answer_that_ends_its_connection(before, name):
    site, shadow = before(raw(NOT_CLEAN[name]))
    for _ in range(3):
        ask_many(site, 1)
        mirrors(site)
    assert mirrors(site) == {"sent": 3} and len(shadow.connections) == 3


def test_an_answer_until_the_connection_closes(before):
    site, _ = before(raw(b"HTTP/1.1 200 OK\r\n\r\nuntil the end", then_close=True))
    ask_many(site, 3)
    assert mirrors(site) == {"sent": 3}


@pytest.mark.parametrize("name", MAD)
def test_a_mad_answer(before, name):
    site, _ = before(raw(MAD[name]))
    ask_many(site)
    assert mirrors(site) == {"sent": MANY, "failed": MANY}


def test_a_head_in_pieces_behind_an_interim_one(before):
    def piecemeal(connection: Connection) -> None:
        for at in range(0, len(CLEAN["interim"]), 5):
            connection.send(CLEAN["interim"][at:at + 5])

    site, _ = before(piecemeal)
    ask_many(site, 3)
    assert mirrors(site) == {"sent": 3}


def test_an_answer_cut_short(before):
    site, _ = before(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort", then_close=True))
    ask_many(site, 3)
    assert mirrors(site) == {"sent": 3, "failed": 3}


def test_a_huge_answer_is_read_no_further_than_its_bound(before):
    cut = threading.Semaphore(0)

    def endless(connection: Connection) -> None:
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            while True:
                connection.send(b"10000\r\n" + bytes(65536) + b"\r\n")
        except OSError:
            cut.release()
            connection.close()

    site, _ = before(endless, max_answer=100_000)
    ask_many(site, 3)
    assert mirrors(site) == {"sent": 3}
    for _ in range(3):
        assert cut.acquire(timeout=60)


def test_interim_answers_without_end(before):
    def forever(connection: Connection) -> None:
        try:
            while True:
                connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 1000)
        except OSError:
            connection.close()

    site, _ = before(forever, max_answer=100_000)
    ask_many(site, 2)
    assert mirrors(site) == {"sent": 2}


def test_nobody_there(before):
    site, shadow = before()
    shadow.close()
    ask_many(site)
    counts = mirrors(site)
    assert counts["failed"] == MANY and counts.keys() <= {"sent", "failed"}     # refused at once, or a moment later


def test_a_name_without_an_address(open_site, origin):
    site = open_site(mirrored(origin, "http://nobody.invalid"), origin)
    ask_many(site)
    assert mirrors(site) == {"failed": MANY}


def test_it_takes_copies_and_closes(before):
    site, shadow = before(Connection.close)
    ask_many(site)
    assert mirrors(site) == {"sent": MANY, "failed": MANY}


def test_one_that_died_in_the_pool_is_not_used(before):
    site, shadow = before()
    for n in range(1, 4):
        ask_many(site, 1)
        assert mirrors(site) == {"sent": n}
        shadow.close_connections()
    assert len(shadow.connections) == 3


# --- slow

def test_one_that_never_answers_holds_nobody_and_no_more_than_so_many(before):
    hangs = Hangs()
    site, shadow = before(hangs, max_pending=5, timeout=60_000)
    ask_many(site)
    metrics = site.metrics()
    assert metrics["fastgate_mirrors_active"] == 5
    assert metrics['fastgate_mirror_dropped_total{reason="pending"}'] == MANY - 5
    hangs.gate.set()
    assert mirrors(site) == {"sent": 5, "pending": MANY - 5}
    ask_many(site, 1)                           # there is room again
    assert mirrors(site) == {"sent": 6, "pending": MANY - 5}


def test_one_that_never_answers_is_given_up(before):
    hangs = Hangs()
    site, shadow = before(hangs, timeout=50)
    ask_many(site)
    counts = mirrors(site)
    assert counts["sent"] == counts["failed"] == MANY
    hangs.gate.set()


def test_one_that_reads_nothing(open_site, origin):
    """Its socket fills, and the copies wait in the gateway, within their bounds."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    site = open_site(mirrored(origin, f"http://127.0.0.1:{listener.getsockname()[1]}", max_pending=4, max_body=1_000_000,
                              timeout=60_000), origin)
    ask_many(site, 10, pattern(1_000_000))
    assert len(origin.requests) == 10 and all(len(request.body) == 1_000_000 for request in origin.requests)
    metrics = site.metrics()
    assert metrics["fastgate_mirrors_active"] == 4
    listener.close()
    accepted = mirrors(site)
    assert accepted["pending"] == 6


def test_the_bound_is_the_plugins_own(open_site, open_origin, origin):
    """Copies that hang take no room from another route's."""
    hangs = Hangs()
    with Shadow(hangs) as slow, Shadow() as quick:
        config = mirrored(origin, slow, max_pending=3, timeout=60_000)
        config["services"] += mirrored(origin, quick, max_pending=3)["services"]
        config["services"][1] |= {"name": "quick", "routes": [{"name": "quick", "paths": ["/quick"]}]}
        site = open_site(config, origin)
        ask_many(site, 5)
        client = site.connect()
        for _ in range(10):
            assert client.ask(get("/quick")).status == 200
            quick.next()
            site.wait_metric("fastgate_mirrors_active", 3)      # the slow ones: its answer has come
        hangs.gate.set()
        assert mirrors(site)["pending"] == 2


# --- the gateway changes and ends

def test_a_copy_under_way_keeps_its_configuration_and_counts_on(before, origin):
    hangs = Hangs()
    site, shadow = before(hangs, max_pending=2, timeout=60_000)
    ask_many(site, 1)
    shadow.next()
    for timeout in (50_000, 60_000):
        assert site.process.reload(mirrored(origin, shadow, max_pending=2, timeout=timeout))["ok"]
    ask_many(site, 3)
    metrics = site.metrics()
    assert metrics["fastgate_mirrors_active"] == 2
    assert metrics['fastgate_mirror_dropped_total{reason="pending"}'] == 2
    site.wait_metric("fastgate_snapshots_retired", 1)       # the first: nobody needs the second any more
    hangs.gate.set()
    assert mirrors(site) == {"sent": 2, "pending": 2}
    site.wait_metric("fastgate_snapshots_retired", 0)


def test_a_plugin_taken_away_leaves_its_copies_to_end(before, origin):
    hangs = Hangs()
    site, shadow = before(hangs, timeout=60_000)
    ask_many(site, 2)
    shadow.next(), shadow.next()
    assert site.process.reload(config_of(service(origin)))["ok"]
    ask_many(site, 2)
    hangs.gate.set()
    assert mirrors(site) == {"sent": 2}
    site.wait_metric("fastgate_snapshots_retired", 0)
    site.wait_metric("fastgate_upstream_connections_idle", 1)       # those to the shadow are closed


def test_the_end_does_not_wait_for_copies(before):
    hangs = Hangs()
    site, shadow = before(hangs, timeout=600_000)
    ask_many(site, 3)
    for _ in range(3):
        shadow.next()
    assert site.process.stop() == 0
    hangs.gate.set()


def test_a_quick_end_with_copies_in_every_state(before):
    hangs = Hangs()
    site, shadow = before(hangs, timeout=600_000)
    ask_many(site, 3)
    site.connect().send(get("/", "Content-Length: 9", method="POST") + b"part")     # one that is not whole, too
    wait_until(lambda: site.scrape()["fastgate_mirrors_active"] == 4, "the fourth copy never was")
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("draining")
    site.process.signal(signal.SIGTERM)
    assert site.process.wait() == 1
    hangs.gate.set()


def test_a_target_that_comes_and_goes_under_load_costs_no_request(open_site, origin):
    """Dead, mad and well by turns, with reloads between."""
    shadows: list[Origin] = [Shadow(), Shadow(raw(MAD["garbage"])), Shadow(Connection.close), Shadow(raw(NOT_CLEAN["close"]))]
    site = open_site(mirrored(origin, shadows[0], max_pending=10), origin, workers=2)
    is_over = threading.Event()
    wrong: list[str] = []
    body = pattern(20_000)

    def load(client) -> None:
        while not is_over.is_set():
            answer = client.ask(get("/", method="POST", body=body))
            if answer.status != 200:
                wrong.append(answer.text)
                return

    loaders = [threading.Thread(target=load, args=(site.connect(),)) for _ in range(3)]
    for loader in loaders:
        loader.start()
    try:
        for n in range(16):
            assert site.process.reload(mirrored(origin, shadows[n % 4], max_pending=10))["ok"]
            arrived = len(shadows[n % 4].requests)
            wait_until(lambda: len(shadows[n % 4].requests) > arrived, "no copy came")
            if n % 4 == 0:
                shadows[0].close_connections()
    finally:
        is_over.set()
        for loader in loaders:
            loader.join()
    assert not wrong and mirrors(site)["sent"] > 16
    for shadow in shadows:
        shadow.close()

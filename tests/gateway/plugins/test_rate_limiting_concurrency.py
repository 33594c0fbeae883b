"""rate-limiting: calls at a time. However a call ends, its place is free again."""

from __future__ import annotations

import queue
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import Client, get
from support.origin import DEADLINE, Connection
from support.site import Config, Site, config_of, plugin, service

pytestmark = pytest.mark.core

HANDSHAKE = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"]
SWITCH = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
          b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")


class Held:
    """A gateway whose upstream answers `/held…` when told to, and anything else at once."""

    def __init__(self, open_site, open_origin, workers: int = 1, **config) -> None:
        self.go = threading.Event()
        self.inside = self.most = 0     # as the upstream's threads see it
        self.held = 0                   # calls and tunnels that the test knows to be open
        self.entered: queue.Queue[str] = queue.Queue()
        self._lock = threading.Lock()
        self.origin = open_origin(self._script)
        self.site: Site = open_site(self.config(**config), self.origin, workers=workers)

    def config(self, **config) -> Config:
        limit = plugin("rate-limiting", **{"limit_by": "ip", **config})
        return config_of(service(self.origin, plugins=[limit], retries=0))

    def _script(self, connection: Connection) -> None:
        request = connection.read()
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
        self.entered.put(request.target)
        if request.target.startswith("/held"):
            assert self.go.wait(30)
        with self._lock:
            self.inside -= 1
        if request.target == "/held/broken":
            connection.close()
        elif request.target == "/tunnel":
            connection.send(SWITCH)
            while data := connection._receive():
                connection.send(data)
            connection.close()
        else:
            connection.reply(b"done")

    def enter(self, target: str = "/held", **options) -> Client:
        """A call that has reached the upstream and waits there."""
        client = self.site.connect()
        client.send(get(target, **options))
        while self.entered.get(timeout=DEADLINE) != target:
            pass
        self.held += 1
        return client

    def wait_free(self) -> None:
        self.held = 0
        self.wait_free_but_held()

    def is_full(self) -> bool:
        answer = self.site.ask(get("/quick"))
        assert answer.status in (200, 429)
        if answer.status == 429:
            assert (answer.get("x-ratelimit-remaining-concurrency"), answer.get("retry-after")) == ("0", "1")
        self.wait_free_but_held()
        return answer.status == 429

    def wait_free_but_held(self) -> None:
        """An answer is seen a moment before its place is free."""
        self.site.wait_metric("fastgate_requests_active", self.held)


@pytest.fixture
def hold(open_site, open_origin):
    made: list[Held] = []

    def start(**config) -> Held:
        made.append(Held(open_site, open_origin, **config))
        return made[-1]

    yield start
    for held in made:
        held.go.set()


def test_so_many_at_a_time_and_not_one_more(hold):
    held = hold(concurrency=3)
    clients = [held.enter(f"/held/{number}") for number in range(3)]
    for _ in range(5):
        assert held.is_full()
    held.go.set()
    assert [client.response().status for client in clients] == [200] * 3
    held.wait_free()
    assert not held.is_full()
    assert held.most == 3


def test_calls_one_after_the_other_never_meet_themselves(hold):
    held = hold(concurrency=1)
    client = held.site.connect()
    assert [client.ask(get()).status for _ in range(100)] == [200] * 100


def test_pipelined_calls_never_meet_themselves(hold):
    held = hold(concurrency=1)
    client = held.site.connect()
    client.send(b"".join(get(f"/{number}") for number in range(20)))
    assert [client.response().status for _ in range(20)] == [200] * 20


def test_the_upstream_never_sees_more_under_load(hold):
    held = hold(concurrency=3, workers=2)

    def work(_) -> list[int]:
        client = held.site.connect()
        return [client.ask(get()).status for _ in range(60)]

    with ThreadPoolExecutor(12) as pool:
        statuses = [status for row in pool.map(work, range(12)) for status in row]
    assert set(statuses) <= {200, 429}
    assert statuses.count(200) == len(held.origin.requests) >= 60
    assert held.most <= 3
    held.wait_free()
    assert not held.is_full()


# --- the ends of a call

def answered(held: Held, client: Client) -> None:
    held.go.set()
    assert client.response().status == 200


def gone(held: Held, client: Client) -> None:
    client.reset()


def closed(held: Held, client: Client) -> None:
    client.close()
    held.go.set()


def cut(held: Held, client: Client) -> None:
    held.origin.close_connections()
    assert client.response().status == 502
    held.go.set()


@pytest.mark.parametrize("end", [answered, gone, closed, cut])
def test_the_place_is_free_when_the_call_has_ended(hold, end):
    held = hold(concurrency=1)
    client = held.enter()
    assert held.is_full()
    end(held, client)
    held.wait_free()
    assert not held.is_full()


def test_the_place_is_free_when_the_upstream_broke(hold):
    held = hold(concurrency=1)
    client = held.enter("/held/broken")
    held.go.set()
    assert client.response().status == 502
    held.wait_free()
    assert not held.is_full()


def test_the_place_is_free_when_the_body_was_malformed(hold):
    held = hold(concurrency=1)
    client = held.site.connect()
    client.send(get("/", "Transfer-Encoding: chunked", method="POST") + b"5\r\nhello\r\n")
    held.site.wait_metric("fastgate_requests_active", 1)
    client.send(b"zz\r\n")
    client.to_end()
    held.wait_free()
    assert not held.is_full()


def test_a_call_refused_behind_it_gives_its_place_back(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin), plugins=[
        plugin("rate-limiting", concurrency=1, limit_by="ip"), plugin("request-termination", status_code=403)]), origin)
    client = site.connect()
    assert [client.ask(get()).status for _ in range(5)] == [403] * 5


def test_a_tunnel_keeps_its_place_over_reloads_until_it_closes(hold):
    held = hold(concurrency=1)
    tunnel = held.site.connect()
    tunnel.send(get("/tunnel", *HANDSHAKE))
    assert tunnel.response().status == 101
    held.held = 1                           # the tunnel
    assert held.is_full()
    for _ in range(3):
        assert held.site.process.reload(held.config(concurrency=1, error_message="no"))["ok"]
    held.site.wait_metric("fastgate_snapshots_retired", 0)      # what it was made of is gone
    assert held.is_full()
    tunnel.send(b"still there")
    assert tunnel.exactly(11) == b"still there"
    tunnel.close()
    held.wait_free()
    assert not held.is_full()


def test_a_place_taken_before_a_reload_is_given_back_after_it(hold):
    held = hold(concurrency=1)
    client = held.enter()
    assert held.site.process.reload(held.config(concurrency=2))["ok"]
    assert not held.is_full()
    assert held.site.process.reload(held.config(concurrency=1))["ok"]
    assert held.is_full()
    answered(held, client)
    held.wait_free()
    assert not held.is_full()


@pytest.mark.parametrize("quits", [False, True])
def test_the_end_of_the_gateway_with_places_taken(hold, quits):
    held = hold(concurrency=2, workers=2)
    clients = [held.enter("/held/1"), held.enter("/held/2")]
    held.site.process.signal(signal.SIGTERM)
    held.site.process.wait_for_log("draining")
    if quits:
        held.site.process.signal(signal.SIGTERM)
        assert held.site.process.wait() == 1
        held.go.set()
    else:
        held.go.set()
        assert [client.response().status for client in clients] == [200, 200]
        assert held.site.process.wait() == 0


# --- with windows

def test_a_refusal_for_want_of_a_place_counts_in_no_window(hold):
    held = hold(concurrency=1, day=10)
    client = held.enter()
    for _ in range(5):
        assert held.is_full()
    answered(held, client)
    held.wait_free()
    assert held.site.ask(get("/quick")).get("ratelimit-remaining") == "8"


def test_a_refusal_by_a_window_keeps_no_place(hold):
    held = hold(concurrency=1, day=1)
    assert held.site.ask(get("/quick")).status == 200
    held.wait_free()
    for _ in range(5):                      # each gets the place and is refused by the window
        refused = held.site.ask(get("/quick"))
        assert (refused.status, refused.get("ratelimit-remaining")) == (429, "0")
        held.wait_free()
    assert held.site.process.reload(held.config(concurrency=1, day=2))["ok"]
    assert held.site.ask(get("/quick")).status == 200


def test_who_waits_for_a_leaky_bucket_holds_a_place(hold):
    held = hold(concurrency=2, minute=1, algorithm="leaky-bucket", max_delay=60_000)
    assert held.site.ask(get("/quick")).status == 200
    held.wait_free()
    waiting = [held.site.connect() for _ in range(2)]
    waiting[0].send(get("/waits"))
    held.site.wait_metric("fastgate_requests_active", 1)
    assert held.site.ask(get("/quick")).get("ratelimit-limit") == "1"       # a place is left: the bucket refuses
    waiting[0].reset()
    held.wait_free()


def test_callers_have_places_of_their_own(open_site, open_origin):
    go = threading.Event()

    def script(connection: Connection) -> None:
        connection.read()
        assert go.wait(30)
        connection.reply(b"done")

    origin = open_origin(script)
    limit = plugin("rate-limiting", concurrency=1, limit_by="header", header_name="X-Tenant")
    site = open_site(config_of(service(origin, plugins=[limit])), origin)
    clients = [site.connect() for _ in range(5)]
    for tenant, client in enumerate(clients):
        client.send(get("/", f"X-Tenant: {tenant}"))
    for _ in clients:
        origin.next_request()
    assert site.ask(get("/", "X-Tenant: 3")).status == 429
    go.set()
    assert [client.response().status for client in clients] == [200] * 5


def test_a_table_full_of_calls_in_progress_refuses_and_forgets_none(open_site, open_origin):
    go = threading.Event()

    def script(connection: Connection) -> None:
        connection.read()
        assert go.wait(30)
        connection.reply(b"done")

    origin = open_origin(script)
    limit = plugin("rate-limiting", concurrency=1, limit_by="header", header_name="X-Tenant")
    site = open_site(config_of(service(origin, plugins=[limit]), gateway={"limits": {"rate_limit_keys": 64}}), origin)
    clients = [site.connect() for _ in range(64)]
    for tenant, client in enumerate(clients):
        client.send(get("/", f"X-Tenant: {tenant}"))
    for _ in clients:
        origin.next_request()
    refused = site.ask(get("/", "X-Tenant: new"))
    assert (refused.status, refused.get("retry-after"), refused.get("x-ratelimit-limit-concurrency")) == (429, "1", None)
    assert site.ask(get("/", "X-Tenant: 5")).get("x-ratelimit-remaining-concurrency") == "0"
    go.set()
    assert [client.response().status for client in clients] == [200] * 64
    site.wait_metric("fastgate_requests_active", 0)
    assert site.ask(get("/", "X-Tenant: new")).status == 200

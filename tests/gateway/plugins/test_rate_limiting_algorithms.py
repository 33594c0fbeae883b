"""rate-limiting: what each algorithm admits, exactly, also when many ask at once; and what waiting means.

Fixed windows are of a year: one begins in a December night, and not again for a year. Buckets refill in
a quarter of an hour and more.
"""

from __future__ import annotations

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.client import get
from support.identity import alice, bob
from support.origin import echo, named
from support.site import Site, config_of, plugin, service

pytestmark = pytest.mark.core

CLIENTS = 8
# The plugin's configuration, and how many calls of one caller it admits at once.
ADMITTED = [
    ({"year": 7}, 7),
    ({"algorithm": "fixed-window", "year": 7}, 7),
    ({"algorithm": "token-bucket", "hour": 3}, 3),
    ({"algorithm": "token-bucket", "hour": 3, "burst": 11}, 11),
    ({"algorithm": "token-bucket", "hour": 3, "burst": 1}, 1),
    ({"algorithm": "leaky-bucket", "hour": 4, "max_delay": 600_000}, 1),      # the next would leave in 900 s
    ({"day": 9, "month": 9, "year": 10}, 9),
    ({"algorithm": "token-bucket", "hour": 2, "day": 5, "burst": 4}, 4),
]


def limit(**config):
    return plugin("rate-limiting", **{"limit_by": "ip", **config})


@pytest.fixture
def limited(open_site, open_origin):
    def start(*, script=echo, workers=1, consumers=None, plugins=(), **config) -> Site:
        origin = open_origin(script)
        return open_site(config_of(service(origin), plugins=[*plugins, limit(**config)], consumers=consumers), origin, workers=workers)
    return start


def answers(site: Site, times: int, *fields: str) -> list:
    client = site.connect()
    return [client.ask(get("/", *fields)) for _ in range(times)]


def at_once(site: Site, times: int, *fields: str, clients: int = CLIENTS) -> list:
    """So many calls of each of so many clients, all together."""
    start = threading.Barrier(clients)

    def work(_) -> list:
        client = site.connect()
        start.wait(30)
        return [client.ask(get("/", *fields)) for _ in range(times)]

    with ThreadPoolExecutor(clients) as pool:
        return [answer for row in pool.map(work, range(clients)) for answer in row]


def admitted(found: list) -> list:
    assert {answer.status for answer in found} <= {200, 429}
    return [answer for answer in found if answer.status == 200]


@pytest.mark.parametrize(("config", "most"), ADMITTED, ids=[str(config) for config, _ in ADMITTED])
def test_so_many_are_admitted_and_not_one_more(limited, config, most):
    site = limited(**config)
    found = answers(site, most + 5)
    assert [answer.status for answer in found] == [200] * most + [429] * 5
    assert len(site.origin.requests) == most
    assert [int(answer.get("ratelimit-remaining")) for answer in found] == [*range(most - 1, -1, -1), *[0] * 5]
    assert all(int(answer.get("retry-after")) > 0 for answer in found[most:])
    assert not any(answer.get("retry-after") for answer in found[:most])


@pytest.mark.parametrize("config", [
    {"year": 150}, {"algorithm": "fixed-window", "year": 150}, {"algorithm": "token-bucket", "day": 150}, {"month": 150, "year": 150},
], ids=str)
def test_clients_at_once_on_two_reactors_are_admitted_exactly(limited, config):
    site = limited(workers=2, script=named, **config)
    found = admitted(at_once(site, 40, clients=2 * CLIENTS))
    assert len(found) == 150
    # Each counted by itself: no two were told the same.
    assert sorted(int(answer.get("ratelimit-remaining")) for answer in found) == list(range(150))
    assert len(site.origin.requests) == 150
    assert site.metrics()["fastgate_rate_limit_refusals_total"] == 2 * CLIENTS * 40 - 150


def test_a_noisy_neighbour_takes_nothing_of_anothers(limited):
    """One asks ten times what it may, all the time; the other, what it may: all of that succeeds."""
    site = limited(workers=2, script=named, consumers=[alice("a-1"), bob("b-1")], plugins=[plugin("key-auth")],
                   year=100, limit_by="consumer")
    with ThreadPoolExecutor(2) as pool:
        noisy = pool.submit(at_once, site, 1000 // CLIENTS, "apikey: a-1")
        quiet = pool.submit(answers, site, 100, "apikey: b-1")
        assert [int(answer.get("ratelimit-remaining")) for answer in admitted(quiet.result())] == list(range(99, -1, -1))
        assert len(admitted(noisy.result())) == 100
    assert sum(request.get("x-consumer-username") == "bob" for request in site.origin.requests) == 100


def test_calls_that_are_held_back_make_no_other_tenant_wait(limited):
    """One has nine calls waiting, the next of which leaves in a minute; the other's are answered meanwhile."""
    site = limited(script=named, consumers=[alice("a-1"), bob("b-1")], plugins=[plugin("key-auth")],
                   limit_by="consumer", algorithm="leaky-bucket", minute=1, max_delay=600_000)
    assert site.ask(get("/", "apikey: a-1")).status == 200
    noisy = [site.connect() for _ in range(9)]
    for client in noisy:
        client.send(get("/", "apikey: a-1"))
    site.wait_metric("fastgate_requests_active", 9)
    assert site.ask(get("/", "apikey: b-1")).status == 200
    assert [request.get("x-consumer-username") for request in site.origin.requests] == ["alice", "bob"]
    site.wait_metric("fastgate_requests_active", 9)
    for client in noisy:
        client.reset()
    site.wait_metric("fastgate_requests_active", 0)


def test_a_window_gives_room_again(limited):
    """Both sides of its end are allowed: what counts is that a refused caller is let in later."""
    site = limited(second=2)
    client = site.connect()
    while client.ask(get()).status != 429:
        pass
    end = time.monotonic() + 30
    while client.ask(get()).status == 429:
        assert time.monotonic() < end
        time.sleep(0.01)


# --- waiting

INTERVAL_S = 0.05
SLACK_S = 0.005         # a reactor reads the clock once a turn, so what comes late in one seems earlier


def test_a_leaky_bucket_lets_calls_leave_in_turn_an_interval_apart(limited):
    came: dict[str, float] = {}

    def script(connection):
        request = connection.read()
        came[request.target] = time.monotonic()
        connection.reply(b"done")

    site = limited(script=script, algorithm="leaky-bucket", second=round(1 / INTERVAL_S), max_delay=60_000)
    start = time.monotonic()
    clients = [site.connect() for _ in range(8)]
    for number, client in enumerate(clients):
        client.send(get(f"/{number}"))
        client.wait_taken()                 # decided before the next one asks
    assert [client.response().status for client in clients] == [200] * 8
    # None before its turn, so all in turn: in which order the upstream's threads see them is another matter.
    assert sorted(came) == [f"/{number}" for number in range(8)]
    for number in range(8):
        assert came[f"/{number}"] - start >= number * INTERVAL_S - SLACK_S


def test_who_would_wait_too_long_is_refused_at_once(limited):
    """Places are an hour / 4 = 900 s apart: only the first is within the 600 s that a call may wait."""
    site = limited(script=named, workers=2, algorithm="leaky-bucket", hour=4, max_delay=600_000)
    assert len(admitted(at_once(site, 5))) == 1


def test_a_body_sent_meanwhile_is_kept_for_the_upstream(limited):
    site = limited(algorithm="leaky-bucket", second=10, max_delay=60_000)
    body = b"0123456789" * 5000
    assert site.ask(get()).status == 200
    assert site.echo(get("/", method="POST", body=body))["body"] == body.decode()


def test_who_leaves_while_waiting_is_not_sent_on(limited):
    site = limited(algorithm="leaky-bucket", minute=1, max_delay=60_000)
    assert site.ask(get()).status == 200
    waiting = site.connect()
    waiting.send(get("/waits"))
    site.wait_metric("fastgate_requests_active", 1)
    waiting.reset()
    site.wait_metric("fastgate_requests_active", 0)
    assert [request.target for request in site.origin.requests] == ["/"]


def test_pipelined_calls_wait_each_its_turn(limited):
    site = limited(algorithm="leaky-bucket", second=round(1 / INTERVAL_S), max_delay=60_000)
    client = site.connect()
    start = time.monotonic()
    client.send(b"".join(get(f"/{number}") for number in range(4)))
    assert [client.response().status for _ in range(4)] == [200] * 4
    assert time.monotonic() - start >= 3 * INTERVAL_S - SLACK_S
    assert [request.target for request in site.origin.requests] == [f"/{number}" for number in range(4)]


@pytest.mark.parametrize("quits", [False, True])
def test_the_end_of_the_gateway_while_a_call_waits(limited, quits):
    """It waits for the call, whose turn comes in a second; or is told to quit at once, a minute before."""
    site = limited(algorithm="leaky-bucket", **{"minute" if quits else "second": 1}, max_delay=60_000)
    assert site.ask(get()).status == 200
    waiting = site.connect()
    waiting.send(get("/waits"))
    waiting.wait_taken()
    site.process.signal(signal.SIGTERM)
    site.process.wait_for_log("draining")
    if quits:
        site.process.signal(signal.SIGTERM)
        assert waiting.to_end() == b""
        assert site.process.wait() == 1
    else:
        assert waiting.response().status == 200
        assert site.process.wait() == 0

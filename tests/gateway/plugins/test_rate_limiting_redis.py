"""rate-limiting with policy redis: three real gateways on one real Redis."""

from __future__ import annotations

import threading
import time

import pytest

from support.client import Client, get
from support.redis_server import RedisServer, wait_until
from support.site import Config, Site, config_of, plugin, service

GATEWAYS = 3
METRIC = "fastgate_limit_exchange_"


def shared(redis, **config) -> Config:
    """A plugin by that Redis; its id, which all gateways must agree on, is made of its content."""
    return plugin("rate-limiting", **{"limit_by": "service", "policy": "redis", "redis": redis.record(timeout=500), **config})


@pytest.fixture
def redis():
    with RedisServer() as server:
        yield server


@pytest.fixture
def sites(open_site, open_origin):
    """So many gateways with the same configuration, which know of each other."""
    def start(*plugins: Config, n: int = GATEWAYS) -> list[Site]:
        origin = open_origin()
        found = [open_site(config_of(service(origin, plugins=list(plugins))), origin) for _ in range(n)]
        for site in found:
            wait_until(lambda site=site: site.metrics()[METRIC + "nodes"] == n)
        return found
    return start


def admitted(site: Site, times: int) -> int:
    """How many of so many requests in a row get through; the rest is refused in order."""
    with Client(site.address) as client:
        answers = [client.ask(get()).status for _ in range(times)]
    assert set(answers) <= {200, 429}
    return answers.count(200)


def flood(sites: list[Site], until: float, clients: int = 1) -> list[int]:
    """All gateways at once, as fast as they answer, until that moment: how many each admitted."""
    counts = [0] * len(sites)

    def run(at: int) -> None:
        with Client(sites[at].address) as client:
            while time.monotonic() < until:
                counts[at] += client.ask(get()).status == 200

    threads = [threading.Thread(target=run, args=(at,)) for at in range(len(sites)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def wait_told(site: Site, n: int) -> None:
    """Redis knows of all that this gateway has admitted, and it has the totals."""
    site.wait_metric("fastgate_limit_exchanged_requests_total", n)


def test_what_one_admits_the_others_know(redis, sites):
    first, second, third = sites(shared(redis, day=10))
    assert admitted(first, 6) == 6
    wait_told(first, 6)
    assert second.ask(get()).status == 200
    wait_told(second, 1)
    assert admitted(second, 10) == 3
    wait_told(second, 4)
    assert third.ask(get()).status == 200       # it has not heard of the others: one more
    wait_told(third, 1)
    assert third.ask(get()).status == 429

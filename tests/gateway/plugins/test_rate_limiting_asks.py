"""rate-limiting with policy redis and sync_rate 0: each request asks, and the limit is exact over all gateways."""

from __future__ import annotations

import threading

import pytest

from gateway.plugins.test_rate_limiting_redis import admitted, shared, totals, wait_away
from support.answers import said
from support.client import Client, get
from support.redis_server import wait_until
from support.site import Config, Site, config_of, service

pytestmark = pytest.mark.core


def asking(redis, **config) -> Config:
    return shared(redis, sync_rate=0, **config)


@pytest.mark.parametrize("algorithm", ["sliding-window", "fixed-window"])
def test_exactly_the_limit_gets_through_whoever_asks(redis, sites, algorithm):
    found = sites(asking(redis, day=100, month=1000, algorithm=algorithm))
    counts = []

    def run(site: Site) -> None:
        counts.append(admitted(site, 60))

    threads = [threading.Thread(target=run, args=(site,)) for site in found for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counts) == 100 and totals(redis) == [100, 100]
    assert sum(site.metrics()["fastgate_limit_questions_total"] for site in found) == 360


def test_answers_tell_what_all_have_left(redis, sites):
    first, second = sites(asking(redis, day=3, month=100), n=2)
    answers = [site.ask(get()) for site in (first, second, first, second)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert [answer.get("X-RateLimit-Remaining-Day") for answer in answers] == ["2", "1", "0", "0"]
    assert [answer.get("X-RateLimit-Remaining-Month") for answer in answers] == ["99", "98", "97", "97"]
    assert int(answers[3].get("Retry-After")) > 0 and answers[2].get("Retry-After") is None


def test_away_the_share_is_decided_here_and_told_on_return(redis, sites):
    found = sites(asking(redis, timeout=500, day=30))
    assert admitted(found[0], 6) == 6
    redis.pause()
    wait_away(found, True)
    # What it knows to be left, 24, by three; the others know of nothing.
    assert [admitted(site, 40) for site in found] == [8, 10, 10]
    redis.resume()
    wait_away(found, False)
    wait_until(lambda: totals(redis) == [34])
    assert [admitted(site, 5) for site in found] == [0, 0, 0]


def test_who_asks_when_redis_stops_answering_is_let_on(redis, sites):
    site, = sites(asking(redis, timeout=500, day=30), n=1)
    redis.pause()
    assert site.ask(get()).status == 200
    assert site.metrics()["fastgate_limit_questions_unanswered_total"] <= 1


def test_not_fault_tolerant_is_500_without_an_answer(redis, sites):
    site, = sites(asking(redis, timeout=500, day=30, fault_tolerant=False), n=1)
    wait_until(lambda: site.ask(get()).status == 200)
    redis.pause()
    assert said(site.ask(get())) == (500, "An unexpected error occurred")
    wait_away([site], True)
    assert said(site.ask(get())) == (500, "An unexpected error occurred")
    redis.resume()
    wait_until(lambda: site.ask(get()).status == 200)


def test_clients_that_leave_while_redis_is_silent_leave_nothing_behind(redis, sites):
    site, = sites(asking(redis, timeout=500, day=30), n=1)
    redis.pause()
    clients = [site.connect() for _ in range(20)]
    for client in clients:
        client.send(get())
    for client in clients:
        client.close()
    redis.resume()
    site.wait_metric("fastgate_requests_active", 0)
    with Client(site.address) as client:
        assert client.ask(get()).status == 200


def test_a_reload_to_local_answers_who_waits(redis, sites):
    site, = sites(asking(redis, timeout=500, day=30), n=1)
    redis.pause()
    client = site.connect()
    client.send(get())
    assert site.process.reload(config_of(service(site.origin)))["ok"]
    assert client.response().status == 200

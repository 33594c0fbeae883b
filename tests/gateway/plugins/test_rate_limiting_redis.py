"""rate-limiting with policy redis: three real gateways on one real Redis."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import pytest

from support.answers import said
from support.client import Client, get
from support.redis_server import RedisServer, wait_until
from support.site import Config, Site, config_of, plugin, service

METRIC = "fastgate_limit_exchange_"
METRIC_ROUNDS = "fastgate_limit_exchanges_total"


def shared(redis, timeout=20_000, **config) -> Config:
    """A plugin by that Redis; its id, which all gateways must agree on, is made of its content. Patient with Redis, unless
    told otherwise: the machine may have other work."""
    return plugin("rate-limiting", **{"limit_by": "service", "policy": "redis", "redis": redis.record(timeout=timeout), **config})


def admitted(site: Site, times: int) -> int:
    """How many of so many requests in a row get through; the rest is refused in order."""
    with Client(site.address) as client:
        answers = [client.ask(get()).status for _ in range(times)]
    assert set(answers) <= {200, 429}
    return answers.count(200)


def overload(sites: list[Site]) -> int:
    """How many get through of all gateways in turn, as fast as they answer, until all only refuse and have
    told Redis all they know. In turn: whatever else the machine does, each is asked as often."""
    total = 0
    rounds = [0.0] * len(sites)
    with ExitStack() as stack:
        clients = [stack.enter_context(Client(site.address)) for site in sites]
        while True:
            some = sum(client.ask(get()).status == 200 for client in clients * 20)
            now = [site.scrape()[METRIC_ROUNDS] for site in sites]
            if some:
                total += some
                rounds = now
            elif all(one >= before + 4 for one, before in zip(now, rounds)):
                return total


def wait_told(site: Site, n: int) -> None:
    """Redis knows of all that this gateway has admitted, and it has the totals."""
    site.wait_metric("fastgate_limit_exchanged_total", n)


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


@pytest.mark.alone
@pytest.mark.parametrize("algorithm", ["fixed-window", "sliding-window"])
def test_in_steady_overload_all_together_stay_at_the_limit(redis, sites, algorithm):
    """As fast as they answer, until nothing gets through any more. With windows of a second, other shares of the load
    and in any rhythm: tests/core/limit/test_share.py, where time is the test's own."""
    limit = 5000
    found = sites(shared(redis, day=limit, algorithm=algorithm))
    total = overload(found)
    wait_until(lambda: totals(redis) == [total])
    assert limit <= total <= 1.05 * limit


def wait_away(found: list[Site], is_away: bool) -> None:
    for site in found:
        site.wait_metric(METRIC + "away", is_away)


def wait_heard(found: list[Site]) -> None:
    """Each has asked again from now on, in a round that is over: of four, not all say only that it is there."""
    before = [site.scrape()[METRIC_ROUNDS] for site in found]
    for site, rounds in zip(found, before):
        wait_until(lambda site=site, rounds=rounds: site.scrape()[METRIC_ROUNDS] >= rounds + 4)


def test_away_each_holds_its_share_and_on_return_the_counts_are_one(redis, sites):
    found = sites(shared(redis, timeout=500, day=30))
    redis.pause()
    wait_away(found, True)
    assert [admitted(site, 40) for site in found] == [10, 10, 10]
    redis.resume()
    wait_away(found, False)
    wait_until(lambda: totals(redis) == [30])
    wait_heard(found)
    assert [admitted(site, 5) for site in found] == [0, 0, 0]
    assert totals(redis) == [30]


def totals(redis) -> list[int]:
    """Of all windows that count something."""
    with redis.client() as client:
        return [int(client.hget(key, "n")) for key in client.keys("ratelimit:{*") if client.hget(key, "n")]


def test_a_window_in_which_redis_went_away_has_at_most_the_shares_of_what_each_knew_to_be_left(redis, sites):
    found = sites(shared(redis, timeout=500, day=30))
    assert admitted(found[0], 12) == 12
    wait_told(found[0], 12)
    redis.pause()
    wait_away(found, True)
    assert [admitted(site, 40) for site in found] == [6, 10, 10]       # the others had not heard of the twelve
    redis.resume()
    wait_away(found, False)
    wait_until(lambda: totals(redis) == [38])
    wait_heard(found)
    assert [admitted(site, 5) for site in found] == [0, 0, 0]


def test_each_may_admit_one_where_there_are_more_gateways_than_requests(redis, sites):
    found = sites(shared(redis, timeout=500, day=2))
    redis.pause()
    wait_away(found, True)
    assert [admitted(site, 5) for site in found] == [1, 1, 1]


def test_a_partition_costs_nobody_an_error(redis, sites):
    """From before it to after it: each answer is 200 or 429."""
    found = sites(shared(redis, second=50))
    over = threading.Event()

    def run(site: Site) -> None:
        with Client(site.address) as client:
            while not over.is_set():
                statuses.add(client.ask(get()).status)

    statuses: set[int] = set()
    threads = [threading.Thread(target=run, args=(site,)) for site in found]
    for thread in threads:
        thread.start()
    redis.stop()
    wait_away(found, True)
    redis.start()                   # empty, and without the scripts
    wait_away(found, False)
    over.set()
    for thread in threads:
        thread.join()
    assert statuses == {200, 429}


def test_not_fault_tolerant_answers_500_while_redis_is_away(redis, sites):
    site, = sites(shared(redis, timeout=500, day=30, fault_tolerant=False), n=1)
    wait_until(lambda: site.ask(get()).status == 200)
    redis.pause()
    wait_away([site], True)
    assert said(site.ask(get())) == (500, "An unexpected error occurred")
    redis.resume()
    wait_until(lambda: site.ask(get()).status == 200)


def test_scripts_that_redis_forgot_are_loaded_again(redis, sites):
    site, = sites(shared(redis, day=30), n=1)
    assert site.ask(get()).status == 200
    wait_told(site, 1)
    with redis.client() as client:
        client.script_flush()
    assert site.ask(get()).status == 200
    wait_told(site, 2)
    assert site.scrape()[METRIC + "errors_total"] == 0 and totals(redis) == [2]


def test_a_reload_to_another_redis_loses_no_count(redis, sites, open_origin):
    with RedisServer() as second:
        site, = sites(shared(redis, day=30), n=1)
        assert admitted(site, 3) == 3
        assert site.process.reload(config_of(service(site.origin, plugins=[shared(second, day=30)])))["ok"]
        assert admitted(site, 2) == 2
        wait_until(lambda: sum(totals(redis) + totals(second)) == 5)
        wait_told(site, 5)


def test_the_last_counts_are_told_at_the_end(redis, sites):
    site, = sites(shared(redis, day=30, sync_rate=600), n=1)
    assert admitted(site, 3) == 3 and totals(redis) == []
    assert site.process.stop() == 0
    assert totals(redis) == [3]
    with redis.client() as client:
        assert client.zcard("ratelimit:nodes") == 0


@pytest.mark.parametrize("change", [{"timeout": 19_000}, {"sync_rate": 0.2}])
def test_after_a_reload_that_asks_the_same_redis_otherwise_counts_add_up(redis, sites, change):
    """Redis takes each numbered delta once: the numbers go on."""
    site, = sites(shared(redis, day=30), n=1)
    for told in range(1, 4):
        assert admitted(site, 1) == 1
        wait_told(site, told)
    assert site.process.reload(config_of(service(site.origin, plugins=[shared(redis, day=30, **change)])))["ok"]
    assert admitted(site, 2) == 2
    wait_told(site, 5)
    assert totals(redis) == [5]


@pytest.mark.parametrize("one_stays", [False, True])
def test_what_a_redis_that_went_away_was_not_told_its_successor_is(redis, open_site, open_origin, one_stays):
    """Under way as well as counted since, whether or not another plugin stays with the old one."""
    origin = open_origin()
    stays = [shared(redis, timeout=500, day=30)] if one_stays else []

    def config(own: Config) -> Config:
        other = service(origin, {"name": "other", "paths": ["/other"]}, name="other", plugins=stays)
        return config_of(service(origin, plugins=[own]), other)

    with RedisServer() as second:
        site = open_site(config(shared(redis, timeout=500, day=30)), origin)
        assert admitted(site, 3) == 3
        wait_told(site, 3)
        redis.stop()
        wait_away([site], True)
        assert admitted(site, 2) == 2
        errors = site.scrape()[METRIC + "errors_total"]
        wait_until(lambda: site.scrape()[METRIC + "errors_total"] >= errors + 2)      # they are under way
        assert admitted(site, 1) == 1
        assert site.process.reload(config(shared(second, day=30)))["ok"]
        wait_until(lambda: totals(second) == [3])
        assert admitted(site, 4) == 4
        wait_until(lambda: totals(second) == [7])

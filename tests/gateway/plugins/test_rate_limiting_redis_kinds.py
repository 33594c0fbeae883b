"""rate-limiting with policy redis: behind Sentinels, in a Cluster, with a password."""

from __future__ import annotations

import re


from gateway.plugins.test_rate_limiting_redis import METRIC, admitted, shared, wait_told
from support.client import get
from support.redis_server import RedisBehindSentinel, RedisClusterServers, RedisServer, wait_until
from support.site import Site, config_of, service


def know_each_other(found: list[Site], windows: int = 1) -> None:
    """A limit of ten, over two gateways, all told."""
    first, second = found
    assert admitted(first, 6) == 6
    wait_told(first, 6 * windows)
    assert second.ask(get()).status == 200
    wait_told(second, windows)
    assert admitted(second, 9) == 3


def test_a_cluster_spreads_windows_over_its_nodes(sites):
    with RedisClusterServers() as redis:
        know_each_other(sites(shared(redis, day=10, month=1000, year=10_000), n=2), windows=3)
        keys = redis.keys("ratelimit:{*")
        assert sum(map(len, keys)) >= 3
        assert all(re.fullmatch(r"ratelimit:\{[0-9a-f-]{36}:[0-9a-f]{32}:\d+:\d+\}", key) for node in keys for key in node)


def test_a_cluster_that_forgot_the_scripts_is_told_again(sites):
    with RedisClusterServers() as redis:
        site, = sites(shared(redis, day=10, month=1000), n=1)
        assert admitted(site, 2) == 2
        wait_told(site, 4)                  # in both windows
        for node in redis.nodes:
            with node.client() as client:
                client.script_flush()
        assert admitted(site, 2) == 2
        wait_told(site, 8)


def test_a_cluster_without_one_node_goes_on_with_the_others(sites):
    with RedisClusterServers() as redis:
        site, = sites(shared(redis, timeout=500, day=10), n=1)
        redis.nodes[1].pause()
        assert admitted(site, 20) == 10
        redis.nodes[1].resume()
        site.wait_metric(METRIC + "away", 0)
        wait_told(site, 10)


def test_asks_of_a_cluster_find_all_windows_in_one_place(sites):
    with RedisClusterServers() as redis:
        first, second = sites(shared(redis, day=10, month=1000, sync_rate=0), n=2)
        assert admitted(first, 6) == 6 and admitted(second, 6) == 4
        held = [node for node in redis.keys("ratelimit:{*") if node]
        assert len(held) == 1 and len(held[0]) == 2


def test_a_fail_over_is_followed(sites):
    with RedisBehindSentinel() as redis:
        found = sites(shared(redis, day=10), n=2)
        know_each_other(found)
        redis.fail_over()
        for site in found:
            site.wait_metric(METRIC + "away", 0)
        with redis.replica.client() as client:
            wait_until(lambda: client.zcard("ratelimit:nodes") == 2)
        assert [site.ask(get()).status for site in found][1] == 429


def test_a_password_is_given_and_never_logged(sites):
    with RedisServer(password="open-sesame") as redis:
        found = sites(shared(redis, day=10), n=2)
        know_each_other(found)
        assert not any("open-sesame" in site.process.log() for site in found)


def test_a_wrong_password_is_told_and_costs_nobody_a_request(open_site, open_origin):
    with RedisServer(password="open-sesame") as redis:
        origin = open_origin()
        record = {**redis.record(), "password": "mellon"}
        redis.record = lambda **more: record
        site = open_site(config_of(service(origin, plugins=[shared(redis, day=3)])), origin)
        site.process.wait_for_log("is away")
        assert "mellon" not in site.process.log()
        assert [site.ask(get()).status for _ in range(4)] == [200, 200, 200, 429]

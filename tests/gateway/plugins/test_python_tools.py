"""What plugins have in hand, in whole gateways: HTTP from both kinds of hooks, their own metrics."""

from __future__ import annotations

import json

import pytest

from gateway.plugins.python_site import config_with, plugin, write_plugin
from support.client import get
from support.origin import echo, wait_until
from support.redis_server import RedisServer

PREFIX = "fastgate_plugin_asking_"


@pytest.mark.parametrize("form, ask", [("async def", "await context.http.get(config.url)"),
                                       ("def", "context.wait(context.http.get(config.url))")])
def test_a_hook_asks_a_server_and_measures_it(open_site, open_origin, tmp_path, form, ask):
    origin, policy = open_origin(echo), open_origin(lambda connection: (
        connection.read(), connection.reply(b'{"tenant": "blue"}', "X-Version: 7")))
    write_plugin(tmp_path, "asking", f"""
        def init(self):
            metrics = self.tools.metrics
            self.asked = metrics.counter("asked", "Questions.", "tenant")
            self.seconds = metrics.histogram("seconds", "How long they took.")
            self.tools.log.warning("the tools are there in init")

        {form} access(self, context, config):
            began = time.monotonic()
            answer = {ask}
            self.seconds.observe(time.monotonic() - began)
            self.asked.increase(tenant=answer.json()["tenant"])
            context.request.set_header("X-Tenant", answer.json()["tenant"] + answer.headers["x-version"])
        """, config="url: str")
    site = open_site(config_with(origin, tmp_path, plugin("asking", url=policy.url + "/policy")), origin)
    client = site.connect()
    for _ in range(3):
        assert dict(json.loads(client.ask(get("/")).body)["headers"])["X-Tenant"] == "blue7"
    assert [request.target for request in policy.requests] == ["/policy"] * 3
    assert len(policy.connections) == 1                 # kept between requests
    metrics = site.metrics()
    assert metrics[PREFIX + 'asked_total{tenant="blue"}'] == 3
    assert metrics[PREFIX + "seconds_count"] == 3
    site.process.wait_for_log("the tools are there in init")


def test_a_server_that_is_away_is_the_plugins_failure_alone(open_site, open_origin, tmp_path):
    origin, policy = open_origin(echo), open_origin(lambda connection: connection.wait_end())
    write_plugin(tmp_path, "asking", """
        async def access(self, context, config):
            await context.http.get(config.url)
        """, config="url: str")
    config = config_with(origin, tmp_path, plugin("asking", url=policy.url), python={"http": {"timeout": 50}})
    site = open_site(config, origin)
    assert site.ask(get("/")).status == 500
    assert site.ask(get("/plain")).status == 200
    site.process.wait_for_log("no answer within 0.05 s")


def test_metrics_go_with_their_plugin_and_settings_follow_a_reload(open_site, open_origin, tmp_path):
    origin = open_origin(echo)
    write_plugin(tmp_path, "asking", """
        async def access(self, context, config):
            context.metrics.gauge("seen", "Seen.", "path").set(1, path=context.request.path)
        """)
    config = config_with(origin, tmp_path, plugin("asking"), python={"metric_series": 1})
    site = open_site(config, origin)
    for path in ("/a", "/b"):
        assert site.ask(get(path)).status == 200
    metrics = site.metrics()
    assert metrics[PREFIX + 'seen{path="/a"}'] == metrics[PREFIX + 'seen{path="_other"}'] == 1
    assert site.process.reload(config_with(origin, tmp_path))["ok"]
    site.process.wait_for_log("snapshot 2")
    wait_until(lambda: not any(name.startswith(PREFIX) for name in site.scrape()), "the plugin's metrics stay")


def test_plugins_of_both_kinds_share_what_redis_holds(open_site, open_origin, tmp_path):
    origin = open_origin(echo)
    for name, form, count in (("one", "async def", "await context.redis.incr('seen')"),
                              ("two", "def", "context.wait(context.redis.incr('seen'))")):
        write_plugin(tmp_path, name, f"""
            {form} access(self, context, config):
                context.request.set_header("X-{name}", str({count}))
            """, priority=700 if name == "one" else 600)
    with RedisServer(password="secret") as redis:
        config = config_with(origin, tmp_path, plugin("one"), plugin("two"))
        site = open_site(config | {"gateway": config["gateway"] | {"redis": redis.record()}}, origin)
        for first in (1, 3):
            fields = dict(json.loads(site.ask(get("/")).body)["headers"])
            assert (fields["X-one"], fields["X-two"]) == (str(first), str(first + 1))
        with redis.client() as outside:
            assert outside.get("seen") == "4"
        assert site.process.reload(config)["ok"]            # without gateway.redis
        assert site.ask(get("/")).status == 500
        site.process.wait_for_log("there is no gateway.redis in the configuration")
        assert "secret" not in site.process.log()


def test_redis_that_is_away_is_the_plugins_failure_alone(open_site, open_origin, tmp_path):
    origin = open_origin(echo)
    write_plugin(tmp_path, "asking", """
        async def access(self, context, config):
            await context.redis.get("x")
        """)
    with RedisServer() as redis:
        config = config_with(origin, tmp_path, plugin("asking"))
        site = open_site(config | {"gateway": config["gateway"] | {"redis": redis.record()}}, origin)
        assert site.ask(get("/")).status == 200
        redis.stop()
        assert site.ask(get("/")).status == 500 and site.ask(get("/plain")).status == 200
        redis.start()
        assert site.ask(get("/")).status == 200

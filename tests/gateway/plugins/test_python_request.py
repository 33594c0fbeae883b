"""Plugins in Python that rewrite requests before routing, and send them elsewhere, in whole gateways."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from gateway.plugins.python_site import PATIENT, config_with, plugin, wait_calls, write_plugin
from support.client import get
from support.origin import Origin, echo, wait_until
from support.site import config_of, consumer, service

pytestmark = pytest.mark.core


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


def routes_for(origin: Origin, folder: Any, *plugins: dict[str, Any], python: dict[str, Any] | None = None,
               **fields: Any) -> dict[str, Any]:
    """Routes told apart by path, method and header, and these plugins for all. PATIENT."""
    routes = ({"name": "one", "paths": ["/one"], "strip_path": False},
              {"name": "posts", "paths": ["/by"], "methods": ["POST"], "strip_path": False},
              {"name": "new", "paths": ["/by"], "headers": {"X-Version": ["2"]}, "strip_path": False},
              {"name": "old", "paths": ["/by"], "strip_path": False},
              {"name": "regex", "paths": ["~/items/(?<id>[0-9]+)$"], "strip_path": False})
    gateway = {"plugin_path": str(folder), "python": PATIENT | (python or {})}
    tells = plugin("teller")
    write_plugin(folder, "teller", "async def access(self, context, config):\n"
                 "    context.request.set_header('X-Route', context.route.name)", priority=1)
    return config_of(service(origin, *routes), plugins=[*plugins, tells], gateway=gateway, **fields)


@pytest.mark.parametrize("form", ["async def", "def"])
def test_rewrite_decides_which_route_is_found(open_site, origin, tmp_path, form):
    write_plugin(tmp_path, "rewriter", f"""
        {form} rewrite(self, context, config):
            request = context.request
            if request.path == "/moved":
                request.set_path("/one/./x%2fy/../z")
                assert request.path == "/one/./x%2fy/../z"
            if request.header("X-Post"):
                request.set_method("POST")
            if request.header("X-New"):
                request.set_header("x-version", "2")
            if request.header("X-Old"):
                request.clear_header("X-Version")
            if request.query == "a=1":
                request.set_query("b=2")
            if request.path == "/stop":
                return Response(418, "tea")
        """)
    site = open_site(routes_for(origin, tmp_path, plugin("rewriter")), origin)
    client = site.connect()
    for asked, target, route in ((get("/moved?a=1"), "GET /one/z?b=2", "one"), (get("/one"), "GET /one", "one"),
                                 (get("/by", "X-Post: 1"), "POST /by", "posts"), (get("/by", "X-New: 1"), "GET /by", "new"),
                                 (get("/by", "X-Version: 2"), "GET /by", "new"), (get("/by"), "GET /by", "old"),
                                 (get("/by", "X-Version: 2", "X-Old: 1"), "GET /by", "old"),
                                 (get("/items/7"), "GET /items/7", "regex")):
        assert client.ask(asked).status == 200
        seen = origin.requests[-1]
        assert (f"{seen.method} {seen.target}", seen.get("X-Route")) == (target, route)
    assert client.ask(get("/nowhere")).status == 404
    response = client.ask(get("/stop"))
    assert response.status == 418 and response.body == b"tea"
    client.send(get("/by", method="POST", body=b"ab") + get("/moved"))
    assert [client.response().status for _ in range(2)] == [200, 200]


def test_rewrite_runs_only_what_is_configured_for_everybody(open_site, origin, tmp_path):
    for name, priority in (("first", 900), ("second", 800), ("third", 700)):
        write_plugin(tmp_path, name, f"""
            async def rewrite(self, context, config):
                context.request.set_header("X-Trail", (context.request.header("X-Trail") or "") + "{name} " + config.text + ",")
            """, priority=priority, config="text: str = ''")
    config = routes_for(origin, tmp_path, plugin("third", text="a"), plugin("first", text="b"))
    config["services"][0]["plugins"] = [plugin("second", text="c")]
    config["services"][0]["routes"][0]["plugins"] = [plugin("first", text="d")]
    site = open_site(config, origin)
    assert site.ask(get("/one")).status == 200
    assert origin.requests[-1].get("X-Trail") == "first b,third a,"


def test_a_rewrite_that_fails_or_hangs(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "bad", f"""
        async def rewrite(self, context, config):
            if context.request.path == "/by":
                while not __import__("os").path.exists({str(gate)!r}):
                    await asyncio.sleep(0.002)
            else:
                context.route
        """)
    site = open_site(routes_for(origin, tmp_path, plugin("bad", phase_timeout=60_000)), origin)
    gone = site.connect()
    gone.send(get("/by"))
    wait_calls(site, "bad", 1)
    gone.reset()
    site.wait_metric("fastgate_requests_active", 0)
    gate.touch()
    wait_calls(site, "bad", 0)
    response = site.ask(get("/one"))
    assert response.status == 500 and "not known yet in the rewrite phase" in site.process.wait_for_log("not known yet")
    assert site.process.reload(routes_for(origin, tmp_path, plugin("bad", on_error="continue")))["ok"]
    assert site.ask(get("/one")).status == 200
    assert not [one for one in origin.requests if one.target == "/by"]


def test_headers_that_make_the_head_too_large_to_route(open_site, origin, tmp_path):
    write_plugin(tmp_path, "many", """
        async def rewrite(self, context, config):
            for n in range(300):
                context.request.add_header("X-N", str(n))
        """)
    site = open_site(routes_for(origin, tmp_path, plugin("many")), origin)
    assert site.ask(get("/one")).status == 431


def test_method_and_path_for_the_upstream(open_site, origin, tmp_path):
    write_plugin(tmp_path, "changer", """
        async def access(self, context, config):
            context.request.set_method("PATCH")
            context.request.set_path("/else//where/%7e")
            assert context.request.path == "/x" and context.request.method == "PATCH"
        """)
    site = open_site(config_with(origin, tmp_path, plugin("changer"), path="/base"), origin)
    response = site.ask(get("/x?q=1", method="POST", body=b"abc"))
    assert response.status == 200
    seen = origin.requests[-1]
    assert (seen.method, seen.target, seen.body) == ("PATCH", "/else/where/~?q=1", b"abc")
    assert site.ask(get("/x", method="HEAD"), to_head=True).status == 200


def test_another_service(open_site, open_origin, tmp_path):
    one, other = open_origin(echo), open_origin(echo)
    write_plugin(tmp_path, "chooser", """
        async def access(self, context, config):
            name = context.request.header("X-Service")
            if name:
                context.set_service(name)
        """)
    route = {"name": "all", "paths": ["/a"], "plugins": [plugin("chooser")]}
    bare = {"name": "bare", "paths": ["/bare"], "plugins": [plugin("chooser")]}
    config = config_of(service(one, route), service(other, {"name": "o", "paths": ["/o"]}, name="other", path="/base"),
                       gateway={"plugin_path": str(tmp_path), "python": PATIENT})
    config["routes"] = [bare]
    site = open_site(config, one, other)
    assert site.ask(get("/a/x")).status == 200 and one.requests[-1].target == "/x"
    assert site.ask(get("/a/x", "X-Service: other")).status == 200 and other.requests[-1].target == "/base/x"
    assert site.ask(get("/bare/y", "X-Service: other")).status == 200 and other.requests[-1].target == "/base/y"
    assert site.ask(get("/bare")).status == 503
    assert site.ask(get("/a", "X-Service: nobody")).status == 500
    assert "there is no service 'nobody' in the configuration" in site.process.wait_for_log("nobody")
    assert len(one.requests) == 1 and len(other.requests) == 2


@pytest.mark.parametrize("form", ["async def", "def"])
def test_what_another_service_answers_counts_as_its_own(open_site, open_origin, tmp_path, form):
    one, other = open_origin(echo), open_origin(echo)
    write_plugin(tmp_path, "chooser", f"""
        {form} access(self, context, config):
            for name in filter(None, (context.request.header("X-Service") or "").split(",")):
                context.set_service(name)
        """)
    id = "0b45f7a2-0f5e-4d0f-9d43-0a0a0a0a0a0b"
    route = {"name": "all", "paths": ["/a"], "plugins": [plugin("chooser")]}
    config = config_of(service(one, route, name="one"), service(other, name="other", id=id),
                       gateway={"plugin_path": str(tmp_path), "python": PATIENT})
    site = open_site(config, one, other, access_log="stdout")
    for ask in ("", "other", "one,other", id, "other,one"):
        assert site.ask(get("/a", f"X-Service: {ask}")).status == 200
    found = site.metrics()
    totals = {name: found[f'fastgate_http_requests_total{{service="{name}",route="all",code="200"}}'] for name in ("one", "other")}
    assert totals == {"one": 2, "other": 3}
    wait_until(lambda: site.process.access_log().count("\n") == 5, "five lines never came")
    lines = site.process.access_log().splitlines()
    assert [json.loads(line)["service"]["name"] for line in lines] == ["one", "other", "other", "other", "one"]
    # The counters go on over a reload, whether or not the snapshot before still is.
    assert site.process.reload(config)["ok"] and site.ask(get("/a", "X-Service: other")).status == 200
    assert site.process.reload(config)["ok"]
    site.wait_metric("fastgate_snapshots_retired", 0)
    assert site.ask(get("/a", "X-Service: other")).status == 200
    assert site.metrics()['fastgate_http_requests_total{service="other",route="all",code="200"}'] == 5
    # And end with the last snapshot that has the service.
    assert site.process.reload(config_of(service(one, route, name="one"), gateway={"plugin_path": str(tmp_path), "python": PATIENT}))["ok"]
    wait_until(lambda: not any('service="other"' in name for name in site.metrics()), "the counters of a service that is gone stay")


@pytest.mark.parametrize("form", ["async def", "def"])
def test_who_asks(open_site, origin, tmp_path, form):
    write_plugin(tmp_path, "knower", f"""
        {form} access(self, context, config):
            name = context.request.header("X-Me")
            if name:
                context.authenticate(name, "card-1")
                assert context.consumer.username == "ann" and context.consumer.credential == "card-1"
        """, priority=1100)
    write_plugin(tmp_path, "after", """
        async def access(self, context, config):
            context.request.set_header("X-Seen", str(context.consumer and context.consumer.id == context.consumer.id
                                                     and context.consumer.custom_id))
        """, priority=1)
    id = "0b45f7a2-0f5e-4d0f-9d43-0a0a0a0a0a0a"
    ann = consumer("ann", id=id, custom_id="a-7", acls=[{"group": "staff"}],
                   plugins=[plugin("request-termination", status_code=299, trigger="X-Own")])
    config = config_with(origin, tmp_path, plugin("knower"), plugin("acl", allow=["staff"]), plugin("after"))
    config["consumers"] = [ann, consumer("bob")]
    site = open_site(config, origin)
    assert site.ask(get("/", "X-Consumer-Username: ann")).status == 401
    for name in ("ann", id):
        assert site.ask(get("/", f"X-Me: {name}", "X-Consumer-Username: bob")).status == 200
        seen = origin.requests[-1]
        assert seen.all("X-Consumer-Username") == ["ann"] and seen.get("X-Consumer-ID") == id
        assert site.ask(get("/", f"X-Me: {name}", "X-Own: 1")).status == 299
        assert seen.get("X-Credential-Identifier") == "card-1" and seen.get("X-Seen") == "a-7"
    assert site.ask(get("/", "X-Me: eve")).status == 500
    assert "there is no consumer 'eve'" in site.process.wait_for_log("eve")


def test_what_is_kept_from_phase_to_phase(open_site, origin, tmp_path):
    lines = tmp_path / "lines"
    write_plugin(tmp_path, "keeper", f"""
        async def rewrite(self, context, config):
            context.state["trail"] = ["rewrite"]

        def access(self, context, config):
            context.state["trail"].append("access")
            if context.request.path == "/one/stop":
                return Response(200)

        async def log(self, context, config):
            with open({str(lines)!r}, "a") as file:
                file.write(" ".join(context.state["trail"]) + " " + context.state.get("other", "-") + "\\n")
        """)
    write_plugin(tmp_path, "other", "async def access(self, context, config):\n"
                 "    context.state['other'] = context.request.header('X-N')", priority=1)
    site = open_site(routes_for(origin, tmp_path, plugin("keeper"), plugin("other")), origin, workers=2)
    client = site.connect()
    for n in range(5):
        assert client.ask(get("/one", f"X-N: {n}")).status == 200
    assert client.ask(get("/one/stop", "X-N: 9")).status == 200
    end = time.monotonic() + 30
    while not lines.exists() or lines.read_text().count("\n") < 6:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert sorted(lines.read_text().splitlines()) == sorted(
        [*(f"rewrite access {n}" for n in range(5)), "rewrite access -"])


def test_what_is_kept_goes_with_the_request(open_site, origin, tmp_path):
    """However it ends: answered, or left by its client."""
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "keeper", f"""
        alive = 0

        class Kept:
            def __init__(self, owner):
                self.owner = owner
                owner.alive += 1
            def __del__(self):
                self.owner.alive -= 1

        async def access(self, context, config):
            if context.request.path == "/count":
                return Response(200, json=self.alive)
            context.state["kept"] = self.Kept(self)
            while context.request.path == "/held" and not __import__("os").path.exists({str(gate)!r}):
                await asyncio.sleep(0.002)
        """)
    site = open_site(config_with(origin, tmp_path, plugin("keeper")), origin)

    def kept() -> int:
        return json.loads(site.ask(get("/count")).body)

    for _ in range(20):
        assert site.ask(get("/fast")).status == 200
    client = site.connect()
    client.send(get("/held"))
    wait_calls(site, "keeper", 1)
    assert kept() > 0
    client.reset()
    site.wait_metric("fastgate_requests_active", 0)
    gate.touch()
    wait_until(lambda: kept() == 0, "what was kept stays")


def test_what_is_kept_by_a_request_that_went_on_without_its_plugin(open_site, origin, tmp_path):
    write_plugin(tmp_path, "late", """
        async def access(self, context, config):
            if context.request.path == "/late":
                context.state["a"] = 1
                time.sleep(1.5)
        """)
    site = open_site(config_with(origin, tmp_path, plugin("late", phase_timeout=10, on_error="continue")), origin)
    assert site.ask(get("/late")).status == 200
    wait_calls(site, "late", 0)
    assert site.ask(get("/")).status == 200

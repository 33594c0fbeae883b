"""Plugins in Python, in whole gateways: what they see, what they may do, and in which order."""

from __future__ import annotations

import concurrent.futures
import json

import pytest

from gateway.plugins.python_site import HELD, config_with, plugin, wait_calls, write_plugin
from support.client import get
from support.origin import echo

pytestmark = pytest.mark.core


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.mark.parametrize("form", ["async def", "def"])
def test_continue_with_changed_headers_and_query(open_site, origin, tmp_path, form):
    write_plugin(tmp_path, "changer", f"""
        {form} access(self, context, config):
            request = context.request
            request.set_header("X-Set", config.text)
            request.add_header("X-Twice", "1")
            request.add_header("X-Twice", "2")
            request.clear_header("X-Secret")
            request.set_query({{"a": "b c", "seen": request.query}})
            context.add_response_header("X-Said", "later")
        """, config="text: str = 'default'")
    site = open_site(config_with(origin, tmp_path, plugin("changer", text="given")), origin)
    response = site.ask(get("/x?q=1", "X-Secret: s", "x-set: mine"))
    assert response.status == 200 and response.get("X-Said") == "later"
    seen = origin.requests[-1]
    assert seen.all("X-Set") == ["given"] and seen.all("X-Twice") == ["1", "2"]
    assert seen.get("X-Secret") is None and seen.target == "/x?a=b+c&seen=q%3D1"


@pytest.mark.parametrize("form", ["async def", "def"])
def test_exit_with_a_response(open_site, origin, tmp_path, form):
    write_plugin(tmp_path, "closed", f"""
        {form} access(self, context, config):
            if context.request.path == "/message":
                return Response(401, message="Go away", headers={{"WWW-Authenticate": "Basic"}})
            if context.request.path == "/empty":
                return Response(204)
            return Response(418, json={{"é": 1}}, headers=[("X-A", "1"), ("X-A", "2")])
        """)
    site = open_site(config_with(origin, tmp_path, plugin("closed")), origin)
    client = site.connect()
    response = client.ask(get("/json"))
    assert response.status == 418 and json.loads(response.body) == {"é": 1}
    assert response.all("X-A") == ["1", "2"]
    assert response.get("Content-Type") == "application/json; charset=utf-8"
    response = client.ask(get("/message"))
    assert response.status == 401 and response.get("WWW-Authenticate") == "Basic"
    assert json.loads(response.body)["message"] == "Go away"
    assert client.ask(get("/empty")).status == 204
    assert client.ask(get("/json", method="HEAD"), to_head=True).status == 418
    assert not origin.requests


def test_what_a_plugin_sees(open_site, origin, tmp_path):
    write_plugin(tmp_path, "seer", """
        async def access(self, context, config):
            r, c = context.request, context.consumer
            return Response(200, json={
                "method": r.method, "scheme": r.scheme, "host": r.host, "path": r.path, "query": r.query,
                "args": r.args(), "ip": r.client_ip, "id": r.id, "header": r.header("x-One"), "none": r.header("x-no"),
                "headers": r.headers, "route": context.route.name, "service": context.service.name,
                "consumer": c and list(c)})
        """)
    site = open_site(config_with(origin, tmp_path, plugin("seer")), origin)
    response = site.ask(get("/a/../b%20c?x=1&x=2&y=%41", "X-One: caf\xe9", host="Some.Host:81"))
    seen = json.loads(response.body)
    assert seen.pop("id") == response.get("X-Fastgate-Request-Id")
    assert seen.pop("headers") == [["Host", "Some.Host:81"], ["X-One", "caf\xe9"]]
    assert seen == {"method": "GET", "scheme": "http", "host": "some.host", "path": "/b%20c", "query": "x=1&x=2&y=%41",
                    "args": {"x": "1", "y": "A"}, "ip": "127.0.0.1", "header": "caf\xe9", "none": None,
                    "route": "python", "service": "service", "consumer": None}


def test_order_among_python_and_native_plugins(open_site, origin, tmp_path):
    for name, priority in (("early", 200_000), ("middle", 50), ("late", 1)):
        write_plugin(tmp_path, name, f"""
            async def access(self, context, config):
                context.request.set_header("X-Trail", (context.request.header("X-Trail") or "") + "{name},")
                context.request.set_header("X-{name}-saw", str(context.request.header("X-Id")))
            """, priority=priority)
    ids = {"header_name": "X-Id", "generator": "uuid#counter"}
    site = open_site(config_with(origin, tmp_path, plugin("late"), plugin("middle"), plugin("correlation-id", **ids),
                                 plugin("early")), origin)
    assert site.ask(get("/")).status == 200
    seen = origin.requests[-1]
    assert seen.get("X-Trail") == "early,middle,late,"
    assert seen.get("X-early-saw") == "None" and seen.get("X-middle-saw") == seen.get("X-Id") == seen.get("X-late-saw")
    # Native, at priority 2: refuses before `late`, and after `middle`.
    ends = plugin("request-termination", status_code=403)
    assert site.process.reload(config_with(origin, tmp_path, plugin("late"), plugin("middle"), ends))["ok"]
    assert site.ask(get("/")).status == 403


def test_a_refusal_ends_the_chain_and_header_filters_still_run(open_site, origin, tmp_path):
    write_plugin(tmp_path, "first", "async def access(self, context, config):\n    return Response(403)", priority=900)
    write_plugin(tmp_path, "second", "async def access(self, context, config):\n    raise RuntimeError", priority=800)
    site = open_site(config_with(origin, tmp_path, plugin("first"), plugin("second"), plugin(
        "correlation-id", header_name="X-Id", echo_downstream=True)), origin)
    response = site.ask(get("/"))
    assert response.status == 403 and response.get("X-Id")
    assert "RuntimeError" not in site.process.log()


def test_bodies_pipelines_and_keep_alive_around_a_wait(open_site, origin, tmp_path):
    write_plugin(tmp_path, "slow", "async def access(self, context, config):\n    await asyncio.sleep(0.01)")
    site = open_site(config_with(origin, tmp_path, plugin("slow")), origin)
    client = site.connect()
    body = bytes(range(256)) * 4000
    response = client.ask(get("/big", method="POST", body=body))
    assert response.status == 200 and origin.requests[-1].body == body
    client.send(get("/1") + get("/2", method="POST", body=b"two") + get("/3"))
    assert [client.response().status for _ in range(3)] == [200, 200, 200]
    assert [request.target for request in origin.requests[-3:]] == ["/1", "/2", "/3"]


def test_two_reactors_many_clients(open_site, origin, tmp_path):
    write_plugin(tmp_path, "marker", """
        async def access(self, context, config):
            await asyncio.sleep(0)
            context.request.set_header("X-Mark", context.request.path)
        """)
    write_plugin(tmp_path, "thread-marker", """
        def access(self, context, config):
            context.request.set_header("X-Thread-Mark", context.request.path)
        """)
    site = open_site(config_with(origin, tmp_path, plugin("marker"), plugin("thread-marker")), origin, workers=2)

    def talk(number: int) -> None:
        client = site.connect()
        for turn in range(30):
            path = f"/{number}/{turn}"
            assert client.ask(get(path)).status == 200

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(8)))
    assert len(origin.requests) == 240
    assert all(request.get("X-Mark") == request.target == request.get("X-Thread-Mark")
               for request in origin.requests)


def test_client_gone_while_parked(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "held", HELD, config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("held", gate=str(gate))), origin)
    gone = [site.connect() for _ in range(3)]
    for client in gone:
        client.send(get("/gone"))
    stays = site.connect()
    stays.send(get("/stays"))
    wait_calls(site, "held", 4)
    for client in gone:
        client.reset()
    site.wait_metric("fastgate_requests_active", 1)     # those of the clients that left are over
    gate.touch()
    assert stays.response().status == 200
    wait_calls(site, "held", 0)
    assert [request.target for request in origin.requests] == ["/stays"]


def test_reload_while_parked(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "held", HELD, config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("held", gate=str(gate))), origin)
    old = site.connect()
    old.send(get("/old"))
    wait_calls(site, "held", 1)
    for _ in range(5):      # the second to last one without any plugin
        assert site.process.reload(config_with(origin, tmp_path, plugin("held", gate="/"), plugin(
            "correlation-id", header_name="X-New")))["ok"]
        assert site.process.reload(config_with(origin, tmp_path))["ok"]
    assert site.ask(get("/new")).status == 200
    gate.touch()
    assert old.response().status == 200
    assert [(request.target, request.get("X-Held")) for request in origin.requests] == [
        ("/new", None), ("/old", "yes")]


def test_drain_waits_for_what_is_parked(open_site, origin, tmp_path):
    gate = tmp_path / "gate"
    write_plugin(tmp_path, "held", HELD, config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("held", gate=str(gate))), origin)
    client = site.connect()
    client.send(get("/"))
    wait_calls(site, "held", 1)
    site.process.process.terminate()
    site.process.wait_for_log("draining")
    gate.touch()
    assert client.response().status == 200
    assert site.process.wait() == 0


def test_quit_while_parked(open_site, origin, tmp_path):
    write_plugin(tmp_path, "held", HELD, config="gate: str")
    site = open_site(config_with(origin, tmp_path, plugin("held", gate=str(tmp_path / "never")),
                                 python={"timeout": 600_000}), origin)
    client = site.connect()
    client.send(get("/"))
    wait_calls(site, "held", 1)
    site.process.process.terminate()
    site.process.wait_for_log("draining")
    site.process.process.terminate()
    assert site.process.wait() == 1


def test_log_tells_how_it_ended(open_site, origin, tmp_path):
    lines = tmp_path / "lines"
    body = """
        {form} log(self, context, config):
            with open(config.file, "a") as file:
                file.write(f"{{context.request.path}} {{context.outcome.status}} {{context.outcome.upstream_status}}\\n")
            try:
                context.request.set_header("X-A", "1")
            except Exception as error:
                context.log.error("%s", error)
        """
    write_plugin(tmp_path, "noter", body.format(form="async def"), config="file: str")
    write_plugin(tmp_path, "thread-noter", body.format(form="def"), config="file: str")
    site = open_site(config_with(origin, tmp_path, plugin("noter", file=str(lines)), plugin(
        "thread-noter", file=str(lines))), origin)
    assert site.ask(get("/one")).status == 200
    assert site.process.stop() == 0         # the end waits for them
    assert lines.read_text().splitlines() == ["/one 200 200"] * 2
    assert site.process.log().count("request.set_header is for the phases rewrite and access; this is log") == 2

"""Requests answered before the plugins of a route had their turn: those configured for everybody filter and log them, as in Kong."""

from __future__ import annotations

import json

import pytest

from gateway.plugins.python_site import config_with, plugin, wait_calls, write_plugin
from support.client import get
from support.messages import chunk
from support.origin import echo

pytestmark = pytest.mark.core

WATCHER = """
    async def rewrite(self, context, config):
        if context.request.path == "/answered":
            return Response(418, json=[1])

    def header_filter(self, context, config):
        context.response.set_header("X-Seen", f"{context.response.status} {context.request.path} {context.route.name or '-'}")

    async def log(self, context, config):
        context.log.warning("logged %s %s %s", context.outcome.status, context.request.path, context.route.name or "-")
"""


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.fixture
def site(open_site, origin, tmp_path):
    """A watcher and two native plugins for everybody; on the route one that must not be asked where it has no turn."""
    write_plugin(tmp_path, "watcher", WATCHER)
    write_plugin(tmp_path, "route-only", "def header_filter(self, context, config):\n    context.response.set_header('X-Route', '1')")
    config = config_with(origin, tmp_path, plugin("route-only"))
    config["services"][0]["routes"].append({"name": "tls", "paths": ["/tls"], "protocols": ["https"]})
    config["services"][0]["routes"][0]["paths"] = ["/routed"]
    config["plugins"] = [plugin("watcher"), plugin("cors"),
                         plugin("response-transformer", add={"headers": ["X-All:1"]})]
    config["gateway"]["limits"] = {"body_bytes": 1000}
    return open_site(config, origin)


@pytest.mark.parametrize("request_bytes, seen", [
    (get("/nowhere"), "404 /nowhere -"), (get("/answered"), "418 /answered -"), (get("/tls"), "426 /tls tls"),
    (get("/routed/x", "Expect: nothing"), "417 /routed/x -"), (get("/a/../none"), "404 /none -"),
    (get("/routed", "Content-Length: 1001", method="POST"), "413 /routed -"),
])
def test_who_is_configured_for_everybody_filters_and_logs(site, request_bytes, seen):
    client = site.connect()
    response = client.ask(request_bytes)
    assert str(response.status) == seen.split()[0] and response.get("X-Seen") == seen
    assert response.get("X-All") == "1" and response.get("Access-Control-Allow-Origin") == "*" and response.get("X-Route") is None
    site.process.wait_for_log(f"logged {seen}")
    response = site.ask(get("/routed"))
    assert response.get("X-Seen") == "200 /routed python" and response.get("X-Route") == "1" and response.all("X-All") == ["1"]


@pytest.mark.parametrize("data, status", [
    (b"GET / HTTP/1.1\r\n\r\n", 400), (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 405), (b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), (get("/" + "x" * 100_000), 414)])
def test_what_cannot_be_read_is_shown_to_nobody(site, data, status):
    """But a target that could be read, with a Host that cannot, is."""
    response = site.ask(data)
    assert response.status == status
    assert response.get("X-All") == ("1" if data.startswith(b"GET / HTTP/1.1") else None)


def test_a_body_filter_has_the_404(open_site, origin, tmp_path):
    write_plugin(tmp_path, "upper", "async def body_filter(self, context, config):\n"
                                    "    context.response.set_body(context.response.body.upper())")
    config = config_with(origin, tmp_path)
    config["services"][0]["routes"][0]["paths"] = ["/routed"]
    config["plugins"] = [plugin("upper")]
    site = open_site(config, origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/nowhere"))
        assert response.status == 404 and b"NO ROUTE MATCHED WITH THOSE VALUES" in response.body
        assert response.get("Content-Length") == str(len(response.body))


def test_a_body_too_large_for_one_plugin_is_filtered_by_those_behind(open_site, origin, tmp_path):
    """It is known while the body is collected: their turn in the access phase never comes."""
    write_plugin(tmp_path, "reader", "reads_body = True\n\nasync def access(self, context, config):\n    len(context.request.body)", priority=900)
    write_plugin(tmp_path, "behind", "async def header_filter(self, context, config):\n"
                                     "    context.response.set_header('X-Behind', str(context.response.status))\n"
                                     "async def log(self, context, config):\n    context.log.warning('behind logged')\n", priority=800)
    site = open_site(config_with(origin, tmp_path, plugin("reader"), plugin("behind"), python={"body": 1024}), origin)
    client = site.connect()
    client.send(get("/", "Transfer-Encoding: chunked", method="POST") + chunk(b"x" * 1024))
    wait_calls(site, "reader", 0)
    client.send(chunk(b"x"))
    response = client.response()
    assert response.status == 413 and response.get("X-Behind") == "413"
    assert json.loads(response.body)["message"] == "Request size limit exceeded"
    site.process.wait_for_log("behind logged")


def test_who_it_says_it_is_is_not_heard_without_a_route_either(open_site, origin, tmp_path):
    """Nobody has found out who asks: what a stranger claims goes to no plugin."""
    write_plugin(tmp_path, "listener", "def header_filter(self, context, config):\n"
                                       "    heard = [name.lower() for name, _ in context.request.headers]\n"
                                       "    context.response.set_header('X-Heard', ' '.join(heard))")
    config = config_with(origin, tmp_path)
    config["services"][0]["routes"][0]["paths"] = ["/routed"]
    config["plugins"] = [plugin("listener")]
    site = open_site(config, origin)
    claims = ("X-Consumer-Username: admin", "X_Consumer_ID: 1", "X-Forwarded-For: 1.2.3.4", "X-Own: 1", "X-Named: 1",
              "Connection: X-Named")
    for _ in range(2):
        response = site.ask(get("/nowhere", *claims))
        assert response.status == 404 and "x-own" in response.get("X-Heard").split()
        assert not {"x-consumer-username", "x_consumer_id", "x-forwarded-for", "x-named"} & set(response.get("X-Heard").split())

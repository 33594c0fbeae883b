"""header_filter in Python, in whole gateways: what it sees and may change of answers, the upstream's and the gateway's own."""

from __future__ import annotations

import concurrent.futures
import json

import pytest

from gateway.plugins.python_site import config_with, plugin, write_plugin
from support.client import get
from support.messages import chunk
from support.origin import answer, echo, pattern, sizes
from support.site import config_of, service

pytestmark = pytest.mark.core

CHANGES = """
    {form} header_filter(self, context, config):
        r = context.response
        seen = [r.status, r.source, r.header("x-up"), r.header("x-no"), context.request.path]
        r.set_header("X-Seen", repr(seen))
        r.set_header("X-Up", "changed")
        r.add_header("X-Two", "1")
        r.add_header("X-Two", "2")
        r.clear_header("X-Secret")
        r.clear_header("Date")
"""


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.mark.parametrize("form", ["async def", "def"])
def test_an_upstreams_answer(open_site, origin, tmp_path, form):
    write_plugin(tmp_path, "filters", CHANGES.format(form=form))
    origin.script = answer(b"HTTP/1.1 404 Nowhere\r\nX-Up: a\r\nX-up: b\r\nX-Secret: s\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
                           b"Server: up\r\nContent-Length: 4\r\n\r\nbody")
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    client = site.connect()
    for _ in range(3):
        response = client.ask(get("/x"))
        assert (response.status, response.body, response.start[2]) == (404, b"body", "Nowhere")
        assert response.get("X-Seen") == "[404, 'upstream', 'a', None, '/x']"
        assert response.all("X-Up") == ["changed"] and response.all("X-Two") == ["1", "2"]
        assert response.get("X-Secret") is None and response.get("Date") is None and response.all("Server") == ["up"]
    assert len(origin.connections) == 1
    assert site.metrics()['fastgate_plugin_calls_total{plugin="filters"}'] == 3


def test_the_gateways_own_answers(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", CHANGES.format(form="async def") + """
    async def access(self, context, config):
        if context.request.path == "/own":
            return Response(418, json=[1], headers={"X-Up": "own"})
        if context.request.path == "/message":
            return Response(401, message="No")
    """)
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    client = site.connect()
    response = client.ask(get("/own"))
    assert (response.status, response.body) == (418, b"[1]") and response.get("Content-Type").startswith("application/json")
    assert response.get("X-Seen") == "[418, 'gateway', 'own', None, '/own']" and response.all("X-Up") == ["changed"]
    response = client.ask(get("/message"))
    assert response.status == 401 and json.loads(response.body)["message"] == "No"
    assert response.get("X-Seen") == "[401, 'gateway', None, None, '/message']"
    response = client.ask(get("/own", method="HEAD"), to_head=True)
    assert response.status == 418 and response.get("Content-Length") == "3"
    origin.script = lambda connection: (connection.read(), connection.reset())
    response = client.ask(get("/dead", method="POST", body=b""))
    assert response.status == 502 and response.get("X-Seen") == "[502, 'gateway', None, None, '/dead']"
    client.send(get("/own") + get("/message") + get("/own"))        # pipelined
    assert [client.response().status for _ in range(3)] == [418, 401, 418]


def test_bodies_in_every_framing(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "async def header_filter(self, context, config):\n"
                                      "    context.response.set_header('X-F', '1')")
    origin.script = sizes
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    client = site.connect()
    for size in (0, 1, 70_000, 3_000_000):
        for target in (f"/length/{size}", f"/chunked/{size}/9000"):
            response = client.ask(get(target))
            assert response.body == pattern(size) and response.get("X-F") == "1", target
    assert len(origin.connections) == 1

    def until_close(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + pattern(200_000))
        connection.close()

    origin.script = until_close
    response = client.ask(get("/"))
    assert response.body == pattern(200_000) and response.get("X-F") == "1"
    old = site.connect()
    old.send(b"GET / HTTP/1.0\r\nHost: test\r\n\r\n")
    assert old.to_end().endswith(pattern(200_000)[-1000:])


def test_trailers_and_interim_answers_pass(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "async def header_filter(self, context, config):\n"
                                      "    context.response.set_header('X-F', str(context.response.status))")
    origin.script = answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           + chunk(b"body") + b"0\r\nX-T: 1\r\n\r\n")
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    response = site.ask(get("/"))
    assert response.status == 200 and response.body == b"body" and response.get("X-F") == "200"
    assert [head.start[1] for head in response.interim] == ["103"] and response.trailers == [("X-T", "1")]


@pytest.mark.parametrize("raw, method, to, status, body", [
    (b"200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 503, 503, b"ok"),
    (b"200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET", 203, 203, b"ok"),
    (b"200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 204, 204, b""),
    (b"200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", 304, 304, b""),
    (b"204 No Content\r\n\r\n", "GET", 200, 200, b""),
    (b"304 Not Modified\r\nETag: \"a\"\r\n\r\n", "GET", 200, 200, b""),
    (b"200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", 404, 404, b""),
    (b"204 No Content\r\n\r\n", "HEAD", 200, 200, b""),
])
def test_another_status(open_site, origin, tmp_path, raw, method, to, status, body):
    write_plugin(tmp_path, "filters", "def header_filter(self, context, config):\n    context.response.set_status(config.to)",
                 config="to: int")
    origin.script = answer(b"HTTP/1.1 " + raw)
    site = open_site(config_with(origin, tmp_path, plugin("filters", to=to)), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/", method=method), to_head=method == "HEAD")
        assert (response.status, response.body) == (status, body)


def test_a_body_without_end_that_a_status_drops(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "def header_filter(self, context, config):\n    context.response.set_status(204)")

    def endless(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
        connection.wait_end()

    origin.script = endless
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    client = site.connect()
    assert [client.ask(get("/")).status for _ in range(2)] == [204, 204]


def test_order_among_python_and_native_plugins(open_site, origin, tmp_path):
    for name, priority in (("early", 200_000), ("late", 1)):
        write_plugin(tmp_path, name, f"""
            async def header_filter(self, context, config):
                r = context.response
                r.set_header("X-{name}-saw", ",".join(str(r.header(n)) for n in ("X-Id", "X-Native", "X-Early")))
                r.set_header("X-{name}", "1")
            """, priority=priority)
    ids = plugin("correlation-id", header_name="X-Id", generator="uuid#counter", echo_downstream=True)
    native = plugin("response-transformer", add={"headers": ["X-Native:n"]}, remove={"headers": ["X-Early"]})
    site = open_site(config_with(origin, tmp_path, plugin("late"), ids, native, plugin("early")), origin)
    response = site.ask(get("/"))
    assert response.get("X-early-saw") == "None,None,None"
    assert response.get("X-late-saw") == f"{response.get('X-Id')},n,None" and response.get("X-Id")
    assert response.get("X-Early") is None and response.get("X-Late") == "1"


def test_websocket_upgrades_are_left_alone(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "def header_filter(self, context, config):\n    raise ValueError")

    def upgrade(connection):
        connection.read_head()
        connection.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nhello")
        connection.wait_end()

    origin.script = upgrade
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    client = site.connect()
    client.send(get("/", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
                    "Sec-WebSocket-Version: 13"))
    assert client.head().start[1] == "101" and client.exactly(5) == b"hello"


def test_early_answer_to_a_request_that_is_still_coming(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "async def header_filter(self, context, config):\n    await asyncio.sleep(0.01)")

    def early(connection):
        connection.read_head()
        connection.reply(b"no", status="413 Content Too Large")
        connection.wait_end()

    origin.script = early
    site = open_site(config_with(origin, tmp_path, plugin("filters")), origin)
    client = site.connect()
    client.send_quietly(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + b"x" * 1000)
    response = client.response()
    assert response.status == 413 and response.body == b"no" and response.get("Connection") == "close"


def test_two_reactors_many_clients(open_site, origin, tmp_path):
    write_plugin(tmp_path, "tells", """
        async def header_filter(self, context, config):
            await asyncio.sleep(0)
            context.response.set_header("X-Path", context.request.path)
        """)
    write_plugin(tmp_path, "thread-tells", """
        def header_filter(self, context, config):
            context.response.set_header("X-Thread-Path", context.request.path)
        """)
    site = open_site(config_with(origin, tmp_path, plugin("tells"), plugin("thread-tells")), origin, workers=2)

    def talk(number: int) -> None:
        client = site.connect()
        for turn in range(20):
            path = f"/{number}/{turn}"
            response = client.ask(get(path))
            assert (response.status, response.get("X-Path"), response.get("X-Thread-Path")) == (200, path, path)

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(talk, range(8)))


def test_log_sees_the_answer(open_site, origin, tmp_path):
    lines = tmp_path / "lines"
    write_plugin(tmp_path, "noter", f"""
        async def access(self, context, config):
            if context.request.path == "/own":
                return Response(403, "no", headers={{"X-A": "own"}})
            try:
                context.response
            except Exception as error:
                context.log.error("%s", error)

        async def log(self, context, config):
            r = context.response
            try:
                r.set_header("X-B", "1")
            except Exception as error:
                context.log.error("%s", error)
            with open({str(lines)!r}, "a") as file:
                file.write(f"{{r.status}} {{r.source}} {{r.header('x-a')}} {{r.header('x-long')}}\\n")
        """)
    long = "y" * 3000
    origin.script = answer(f"HTTP/1.1 201 Created\r\nX-A: up\r\nX-Long: {long}\r\nContent-Length: 300000\r\n\r\n".encode()
                           + pattern(300_000))
    site = open_site(config_with(origin, tmp_path, plugin("noter")), origin)
    client = site.connect()
    assert client.ask(get("/up")).body == pattern(300_000) and client.ask(get("/own")).status == 403
    assert site.process.stop() == 0
    assert lines.read_text().splitlines() == [f"201 upstream up {long}", "403 gateway own None"]
    assert "context.response is for header_filter, body_filter, log; this is access" in site.process.log()
    assert site.process.log().count("response.set_header is for header_filter and body_filter; this is log") == 2


def test_only_for_whom_it_is_configured(open_site, origin, tmp_path):
    write_plugin(tmp_path, "filters", "def header_filter(self, context, config):\n    context.response.set_header('X-F', '1')")
    config = config_of(
        service(origin, {"name": "r", "paths": ["/"], "strip_path": False, "plugins": [plugin("key-auth")]}),
        gateway={"plugin_path": str(tmp_path)},
        consumers=[{"username": "ann", "keyauth_credentials": [{"key": "a"}], "plugins": [plugin("filters")]},
                   {"username": "bob", "keyauth_credentials": [{"key": "b"}]}])
    site = open_site(config, origin)
    assert site.ask(get("/", "apikey: a")).get("X-F") == "1"
    assert site.ask(get("/", "apikey: b")).get("X-F") is None
    assert site.ask(get("/")).status == 401

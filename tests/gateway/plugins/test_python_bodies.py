"""body_filter in Python, in whole gateways: whole bodies of answers, shown and changed before anything is sent."""

from __future__ import annotations

import gzip
import json

import pytest

from gateway.plugins.python_site import config_with, plugin, write_plugin
from support.client import get
from support.messages import chunk
from support.origin import answer, echo, pattern, sizes

pytestmark = pytest.mark.core

UPPER = """
    {form} body_filter(self, context, config):
        r = context.response
        r.set_header("X-Length", str(len(r.body)))
        r.set_body(r.body.upper())
"""
LOOK = """
    async def body_filter(self, context, config):
        context.response.set_header("X-Length", str(len(context.response.body)))
"""


@pytest.fixture
def origin(open_origin):
    return open_origin(echo)


@pytest.mark.parametrize("form", ["async def", "def"])
def test_bodies_in_every_framing(open_site, origin, tmp_path, form):
    write_plugin(tmp_path, "upper", UPPER.format(form=form))
    origin.script = sizes
    site = open_site(config_with(origin, tmp_path, plugin("upper")), origin)
    client = site.connect()
    for size in (0, 1, 70_000, 1_000_000):
        for target in (f"/length/{size}", f"/chunked/{size}/9000"):
            response = client.ask(get(target))
            assert response.body == pattern(size).upper() and response.get("X-Length") == str(size), target
            assert response.get("Content-Length") == str(size) and response.get("Transfer-Encoding") is None
    assert len(origin.connections) == 1

    def until_close(connection):
        connection.read()
        connection.send(b"HTTP/1.1 200 OK\r\n\r\n" + b"abc" * 1000)
        connection.close()

    origin.script = until_close
    assert client.ask(get("/")).body == b"ABC" * 1000
    old = site.connect()
    old.send(b"GET / HTTP/1.0\r\nHost: test\r\nConnection: keep-alive\r\n\r\n" * 2)
    for _ in range(2):      # its length is known now
        assert old.response().body == b"ABC" * 1000


@pytest.mark.parametrize("body", [b"", b"x", b"longer than before " * 100, pattern(2_000_000)])
def test_bodies_that_grow_and_shrink(open_site, origin, tmp_path, body):
    write_plugin(tmp_path, "sets", "async def body_filter(self, context, config):\n"
                                   "    context.response.set_body(open(config.file, 'rb').read())", config="file: str")
    (tmp_path / "body").write_bytes(body)
    origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nbefore")
    site = open_site(config_with(origin, tmp_path, plugin("sets", file=str(tmp_path / "body"))), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/"))
        assert response.body == body and response.get("Content-Length") == str(len(body))


def test_answers_without_a_body(open_site, origin, tmp_path):
    write_plugin(tmp_path, "upper", UPPER.format(form="async def"))
    site = open_site(config_with(origin, tmp_path, plugin("upper")), origin)
    client = site.connect()
    response = client.ask(get("/", method="HEAD"), to_head=True)
    # How long the body would be only the filter knows.
    assert response.status == 200 and response.get("X-Length") is None and response.get("Content-Length") is None
    for head in (b"204 No Content\r\n", b"304 Not Modified\r\nETag: \"a\"\r\n"):
        origin.script = answer(b"HTTP/1.1 " + head + b"\r\n")
        response = client.ask(get("/"))
        assert response.status in (204, 304) and response.get("X-Length") is None
    origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert client.ask(get("/")).get("X-Length") == "0"


def test_status_and_body_together(open_site, origin, tmp_path):
    write_plugin(tmp_path, "sets", """
        async def header_filter(self, context, config):
            if context.request.path == "/early":
                context.response.set_status(204)

        async def body_filter(self, context, config):
            r = context.response
            r.set_body("gone")
            r.set_header("Content-Type", "text/x")
            r.set_status(204 if context.request.path == "/late" else 410)
        """)
    site = open_site(config_with(origin, tmp_path, plugin("sets")), origin)
    client = site.connect()
    response = client.ask(get("/"))
    assert (response.status, response.body, response.all("Content-Type")) == (410, b"gone", ["text/x"])
    for path in ("/early", "/late"):
        response = client.ask(get(path))
        assert (response.status, response.body) == (204, b"")


def test_the_gateways_own_answers(open_site, origin, tmp_path):
    write_plugin(tmp_path, "sets", """
        async def access(self, context, config):
            return Response(403, "own " * 10000) if context.request.path == "/own" else Response(401, message="no")

        async def body_filter(self, context, config):
            r = context.response
            r.set_body(json.dumps([r.status, r.source, len(r.body), r.header("Content-Type")]))
        """.replace("json.", "__import__('json')."))
    site = open_site(config_with(origin, tmp_path, plugin("sets")), origin)
    client = site.connect()
    assert json.loads(client.ask(get("/own")).body) == [403, "gateway", 40000, "text/plain; charset=utf-8"]
    status, source, length, kind = json.loads(client.ask(get("/message")).body)
    assert (status, source, kind) == (401, "gateway", "application/json; charset=utf-8") and length > 20


def test_several_one_after_the_other(open_site, origin, tmp_path):
    for name, priority in (("first", 900), ("second", 800), ("third", 700)):
        write_plugin(tmp_path, name, f"""
            async def header_filter(self, context, config):
                context.response.set_header("X-Heads", (context.response.header("X-Heads") or "") + "{name[0]}")

            async def body_filter(self, context, config):
                context.response.set_body(context.response.body + b"{name[0]}" + context.response.header("X-Heads").encode())
            """, priority=priority)
    origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n-")
    site = open_site(config_with(origin, tmp_path, plugin("third"), plugin("first"), plugin("second")), origin)
    response = site.ask(get("/"))
    assert response.body == b"-ffstsfsttfst" and response.get("X-Heads") == "fst"


def test_fields_that_spoke_of_the_old_body(open_site, origin, tmp_path):
    write_plugin(tmp_path, "upper", UPPER.format(form="async def"))
    write_plugin(tmp_path, "looks", LOOK)
    body = gzip.compress(b"text")
    head = (f"HTTP/1.1 200 OK\r\nETag: \"a\"\r\nAccept-Ranges: bytes\r\nContent-MD5: x\r\nContent-Encoding: gzip\r\n"
            f"Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Length: {len(body)}\r\n\r\n").encode()
    origin.script = answer(head + body)
    site = open_site(config_with(origin, tmp_path, plugin("looks")), origin)
    response = site.ask(get("/"))
    assert response.body == body and response.get("ETag") == '"a"' and response.get("Accept-Ranges") == "bytes"
    assert site.process.reload(config_with(origin, tmp_path, plugin("upper")))["ok"]
    response = site.ask(get("/"))
    assert response.body == body.upper()        # as it came: compressed
    assert [response.get(name) for name in ("ETag", "Accept-Ranges", "Content-MD5")] == [None] * 3
    assert response.get("Content-Encoding") == "gzip" and response.get("Last-Modified")


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("on_error", ["fail", "continue"])
def test_bodies_that_are_too_large(open_site, origin, tmp_path, on_error, framing):
    write_plugin(tmp_path, "upper", UPPER.format(form="async def"))
    origin.script = sizes
    site = open_site(config_with(origin, tmp_path, plugin("upper", on_error=on_error), python={"body": 50_000}), origin)
    client = site.connect()
    response = client.ask(get(f"/{framing}/50000"))
    assert response.status == 200 and response.body == pattern(50_000).upper()
    for size in (50_001, 500_000):
        response = client.ask(get(f"/{framing}/{size}"))
        if on_error == "fail":
            assert response.status == 502
            assert json.loads(response.body)["message"] == "The upstream server's response is too large for a plugin"
        else:
            assert response.status == 200 and response.body == pattern(size)
    assert site.metrics()['fastgate_plugin_too_large_total{plugin="upper"}'] == 2


def test_trailers_end_where_a_length_is_told(open_site, origin, tmp_path):
    write_plugin(tmp_path, "looks", LOOK)
    origin.script = answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"body") + b"0\r\nX-T: 1\r\n\r\n")
    site = open_site(config_with(origin, tmp_path, plugin("looks")), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/"))
        assert response.body == b"body" and response.get("Content-Length") == "4" and response.get("X-Length") == "4"


def test_a_client_that_asks_with_head_where_the_upstream_is_asked_with_get(open_site, origin, tmp_path):
    write_plugin(tmp_path, "looks", LOOK)

    def endless(connection):
        assert connection.read().method == "GET"
        connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"a"))
        connection.wait_end()

    origin.script = endless
    site = open_site(config_with(origin, tmp_path, plugin("looks"), plugin("request-transformer", http_method="GET")), origin)
    client = site.connect()
    for _ in range(2):
        response = client.ask(get("/", method="HEAD"), to_head=True)
        assert response.status == 200 and response.get("X-Length") is None

"""request-size-limiting: by Content-Length before anything is read, else on the way."""

from __future__ import annotations

import pytest

from support.answers import said
from support.client import get
from support.messages import chunk, chunk_all
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

TOO_LARGE = "Request size limit exceeded"
CHUNKED = "Transfer-Encoding: chunked"


@pytest.fixture
def limited(open_site, open_origin):
    def start(**config) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=[plugin("request-size-limiting", **config)])), origin)
    return start


@pytest.mark.parametrize("size, unit, most", [(10, "bytes", 10), (1, "kilobytes", 1024), (0, "bytes", 0), (1, "megabytes", 2**20)])
def test_the_unit_and_the_edge(limited, size, unit, most):
    site = limited(allowed_payload_size=size, size_unit=unit)
    for body in (b"x" * most, b""):
        assert site.echo(get("/", method="POST", body=body))["body"].encode() == body
    assert site.echo(get("/", CHUNKED, method="POST") + chunk_all([b"x" * most] if most else []))["body"] == "x" * most
    assert site.echo(get("/"))["body"] == ""
    for data in (get("/", method="POST", body=b"x" * (most + 1)), get("/", CHUNKED, method="POST") + chunk_all([b"x" * (most + 1)])):
        answer = site.ask(data)
        assert said(answer) == (413, TOO_LARGE)


def test_by_length_nothing_is_read_and_nothing_asked(limited):
    site = limited(allowed_payload_size=1)
    client = site.connect()
    answer = client.ask(get("/", "Content-Length: 1048577", method="POST"))     # none of it is sent
    assert said(answer) == (413, TOO_LARGE)
    client.expect_end()
    assert not site.origin.requests


def test_who_waits_for_100_is_told_417(limited):
    site = limited(allowed_payload_size=10, size_unit="bytes")
    answer = site.ask(get("/", "Content-Length: 11", "Expect: 100-continue", method="POST"))
    assert (*said(answer), answer.interim) == (417, TOO_LARGE, [])
    assert not site.origin.requests


def test_chunks_are_counted_on_the_way(limited):
    site = limited(allowed_payload_size=100_000, size_unit="bytes")
    client = site.connect()
    client.send(get("/", CHUNKED, method="POST") + chunk(b"x" * 50_000))
    request = site.origin.arrived.get(timeout=60)       # it is under way
    client.send_quietly(chunk(b"x" * 50_001))
    answer = client.response()
    assert said(answer) == (413, TOO_LARGE)
    client.expect_end()
    assert request.connection.ended.wait(60) and not request.is_whole


def test_the_other_routes_are_not_limited(open_site, open_origin):
    origin = open_origin()
    small = {"name": "small", "paths": ["/small"], "plugins": [plugin("request-size-limiting", allowed_payload_size=1, size_unit="bytes")]}
    site = open_site(config_of(service(origin, small, {"name": "rest", "paths": ["/"]})), origin)
    client = site.connect()
    assert client.ask(get("/", CHUNKED, method="POST") + chunk_all([b"xx"])).status == 200
    assert client.ask(get("/small", method="POST", body=b"x")).status == 200
    assert client.ask(get("/", method="POST", body=b"xx")).status == 200
    assert client.ask(get("/small", method="POST", body=b"xx")).status == 413


def test_a_body_must_say_its_length(limited):
    site = limited(require_content_length=True)
    answer = site.ask(get("/", CHUNKED, method="POST") + chunk_all([b"x"]))
    assert said(answer) == (411, "A valid Content-Length header is required")
    assert site.ask(get("/", method="POST", body=b"x")).status == 200
    assert site.ask(get("/", method="POST", body=b"")).status == 200
    assert site.ask(get("/")).status == 200             # it has no body

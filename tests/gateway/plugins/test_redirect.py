"""redirect: where to, and with which status."""

from __future__ import annotations

import pytest

from support.client import get
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]


@pytest.fixture
def moved(open_site, open_origin):
    def start(**config) -> Site:
        origin = open_origin()
        return open_site(config_of(service(origin, plugins=[plugin("redirect", **config)])), origin)
    return start


def test_a_fixed_place(moved):
    site = moved(location="https://example.com/new?x=1#part")
    answer = site.ask(get("/old/path?q=2"))
    assert answer.status == 301
    assert answer.all("location") == ["https://example.com/new?x=1#part"]
    assert answer.body == b"redirecting"
    assert not site.origin.requests


@pytest.mark.parametrize("location, target, expected", [
    ("https://example.com/new?x=1#part", "/old/path?q=2", "https://example.com/old/path?q=2#part"),
    ("https://example.com/new?x=1", "/old", "https://example.com/old"),
    ("https://user@example.com:8443", "/", "https://user@example.com:8443/"),
    ("http://[::1]:80/a", "/b?", "http://[::1]:80/b"),
    ("https://example.com?x#y", "/b", "https://example.com/b#y"),
    ("https://example.com", "//evil.example/", "https://example.com/evil.example/"),
    ("https://example.com", "/%2F/%0d%0aX:%201/../a%20b", "https://example.com/%2F/a%20b"),
    ("https://example.com", "http://other.example/x?y=//z", "https://example.com/x?y=//z"),
])
def test_the_incoming_path_takes_the_place_of_the_locations(moved, location, target, expected):
    answer = moved(location=location, keep_incoming_path=True).ask(get(target))
    assert (answer.status, answer.all("location")) == (301, [expected])


def test_options_asterisk_is_the_root(moved):
    answer = moved(location="https://example.com/x", keep_incoming_path=True).ask(get("*", method="OPTIONS"))
    assert answer.get("location") == "https://example.com/"


@pytest.mark.parametrize("status", [200, 302, 303, 307, 308, 404, 599])
def test_the_status(moved, status):
    answer = moved(location="https://example.com/", status_code=status).ask(get("/"))
    assert (answer.status, answer.get("location")) == (status, "https://example.com/")


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_a_body_keeps_the_connection_in_step(moved, status):
    client = moved(location="https://example.com/", status_code=status).connect()
    for _ in range(3):
        answer = client.ask(get("/"))
        assert (answer.status, answer.get("content-length"), answer.get("location")) == (status, None, "https://example.com/")


def test_a_request_with_a_body_and_a_head(moved):
    client = moved(location="https://example.com/").connect()
    assert client.ask(get("/", method="POST", body=b"x")).status == 301
    answer = client.ask(get("/", method="HEAD"), to_head=True)
    assert (answer.status, answer.get("content-length")) == (301, "11")
    assert client.ask(get("/")).status == 301


def test_a_long_query_goes_along(moved):
    query = "&".join(f"a{i}={i}" for i in range(900))
    answer = moved(location="https://example.com", keep_incoming_path=True).ask(get(f"/x?{query}"))
    assert answer.get("location") == f"https://example.com/x?{query}"

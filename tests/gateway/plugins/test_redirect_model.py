"""redirect against a plain Python model: many configurations, each at a host of its own, and any target."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from support.origin import Origin
from support.paths import normal_form
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

CHANCE = random.Random(779)
STATUSES = [200, 301, 302, 303, 307, 308, 404, 599]
AUTHORITIES = ["example.com", "EXAMPLE.com:8443", "user:pw@example.com", "[::1]:80", "café.example"]
PLACES = ["", "/", "/new", "//new/../x", "/a%2fb;c", "/é"]
QUERIES = ["", "?", "?x=1", "?x=/y?z", "?a&&b=//"]
FRAGMENTS = ["", "#", "#part", "#a/b?c", "#a#b"]


def config_at_random() -> dict[str, Any]:
    parts = (["http://", "https://", "Custom+1://"], AUTHORITIES, PLACES, QUERIES, FRAGMENTS)
    return {"status_code": CHANCE.choice(STATUSES), "location": "".join(CHANCE.choice(part) for part in parts),
            "keep_incoming_path": CHANCE.random() < 0.7}


CONFIGS = [config_at_random() for _ in range(120)]


def location_of(config: dict[str, Any], path: bytes, query: bytes) -> bytes:
    """Kong's: the location as it is; or of it all but path and query, which are the request's."""
    if not config["keep_incoming_path"]:
        return config["location"].encode()
    before, mark, fragment = config["location"].partition("#")
    found = urlsplit(before)
    origin = before[:len(found.scheme)] + "://" + found.netloc
    return origin.encode() + normal_form(path) + (b"?" + query if query else b"") + (mark + fragment).encode()


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    routes = [{"name": f"r{at}", "hosts": [f"r{at}.test"], "plugins": [plugin("redirect", **config)]}
              for at, config in enumerate(CONFIGS)]
    with Origin() as origin:
        site = Site(config_of(service(origin, *routes)), origin)
        yield site.connect()
        assert not origin.requests
        site.settle()
        assert site.process.stop() == 0, site.process.log()
        site.close()


segments = st.sampled_from([b"", b"a", b".", b"..", b"%2e", b"%2E%2e", b"...", b"b%20c", b"%2f", b"%5c", b"%0d%0aX:1", b"%00",
                            b"@evil.example", b"\\", b"x:y", b"~", b"%7e", b"%c3%A9", b"http:", b";a=b", b"r!s"])
paths = st.lists(segments, min_size=1, max_size=7).map(lambda found: b"/" + b"/".join(found))
queries = st.sampled_from([b"", b"q=2", b"?", b"a=/../b", b"x=%0d%0a", b"&&", b"u=http://other/"]) | st.lists(
    st.sampled_from([b"a", b"=", b"&", b"%41", b"%zz", b"/", b"?", b"+", b"//", b".."]), max_size=9).map(b"".join)


@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(CONFIGS) - 1), st.sampled_from(["GET", "POST", "HEAD", "PUT"]), paths, st.none() | queries, st.booleans())
@example(0, "GET", b"//evil.example/", None, False)
@example(0, "GET", b"/" + b"a" * 3000, b"b" * 3000, False)
def test_places_are_the_models(client, number, method, path, query, is_absolute):
    config = CONFIGS[number]
    target = (b"http://r%d.test" % number if is_absolute else b"") + path + (b"" if query is None else b"?" + query)
    host = b"other.test" if is_absolute else b"r%d.test" % number
    body = b"Content-Length: 3\r\n\r\nabc" if method in ("POST", "PUT") else b"\r\n"
    answer = client.ask(b"%s %s HTTP/1.1\r\nHost: %s\r\n%s" % (method.encode(), target, host, body), to_head=method == "HEAD")
    assert answer.status == config["status_code"], answer.body
    assert [value.encode("latin-1") for value in answer.all("location")] == [location_of(config, path, query or b"")]
    assert answer.body == (b"" if method == "HEAD" else b"redirecting")
    assert answer.get("content-length") == "11"

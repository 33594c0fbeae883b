"""request-termination: a fixed answer, or the request itself; for all requests, or for those with a trigger."""

from __future__ import annotations

import json
import socket
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.plugins.termination_model import as_kong_has_it
from support.answers import said
from support.client import get
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]


@pytest.fixture
def ended(open_site, open_origin):
    def start(*before, gateway=None, **config) -> Site:
        origin = open_origin()
        plugins = [*before, plugin("request-termination", **config)]
        return open_site(config_of(service(origin, plugins=plugins), gateway=gateway), origin)
    return start


def test_the_plain_one(ended):
    site = ended()
    assert said(site.ask(get("/"))) == (503, "Service unavailable")
    assert not site.origin.requests


@pytest.mark.parametrize("status, text", [
    (401, "Unauthorized"), (404, "Not found"), (405, "Method not allowed"), (500, "An unexpected error occurred"), (502, "Bad Gateway"),
])
def test_where_kong_has_a_text_it_is_kongs(ended, status, text):
    assert said(ended(status_code=status).ask(get("/"))) == (status, text)
    assert json.loads(ended(status_code=status, echo=True).ask(get("/")).body)["message"] == text


def test_status_and_message(ended):
    assert said(ended(status_code=410, message='gone, "for good"').ask(get("/"))) == (410, 'gone, "for good"')


def test_a_body_of_its_own(ended):
    answer = ended(status_code=200, content_type="text/css", body="a {\n}\né").ask(get("/"))
    assert (answer.status, answer.get("content-type"), answer.body) == (200, "text/css", "a {\n}\né".encode())
    assert ended(body="x").ask(get("/")).get("content-type") == "text/plain; charset=utf-8"


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("config", [{}, {"body": "x"}, {"echo": True}], ids=str)
def test_a_status_without_a_body_keeps_the_connection_in_step(ended, status, config):
    client = ended(status_code=status, **config).connect()
    for _ in range(3):
        answer = client.ask(get("/"))
        assert (answer.status, answer.get("content-length")) == (status, None)


@pytest.mark.parametrize("config", [{}, {"message": "x"}, {"body": "x"}, {"echo": True}], ids=str)
def test_a_reset_has_a_length_and_nothing_else(ended, config):
    client = ended(status_code=205, **config).connect()
    for _ in range(2):
        answer = client.ask(get("/"))
        assert (answer.status, answer.get("content-length"), answer.body) == (205, "0", b"")


def test_a_trigger_is_a_field_or_an_argument(ended):
    site = ended(trigger="X-End")
    for target, *more in (("/", "x-end: 1"), ("/", "X-End:"), ("/?X-End",), ("/?a=1&X%2DEnd=2",)):
        assert site.ask(get(target, *more)).status == 503, (target, more)
    for target, *more in (("/",), ("/?x-end=1",), ("/", "X-End2: 1"), ("/X-End",)):
        assert site.ask(get(target, *more)).status == 200, (target, more)


def test_the_echo(ended):
    site = ended(echo=True, message="look", status_code=418)
    answer = site.ask(get("/a//b/../c?x=1&y&x=2&z=%22", "X-One: 1", "x-two: a", "X-Two: b", host="Test:81", method="PUT", body=b"x"))
    assert (answer.status, answer.get("content-type")) == (418, "application/json; charset=utf-8")
    assert json.loads(answer.body) == {
        "message": "look",
        "kong": {"hostname": socket.gethostname(), "worker_pid": site.process.pid},
        "request": {
            "method": "PUT", "scheme": "http", "host": "test", "port": site.process.port, "path": "/a/c",
            "query": {"x": ["1", "2"], "y": True, "z": '"'},
            "headers": {"host": "Test:81", "x-one": "1", "x-two": ["a", "b"], "content-length": "1"},
        },
        "matched_route": {"name": "service-all"}, "matched_service": {"name": "service"},
    }
    assert not site.origin.requests


def test_the_echo_has_what_plugins_added_and_dropped(ended):
    site = ended(plugin("correlation-id", header_name="X-Id"), echo=True)
    headers = json.loads(site.ask(get("/", "X-Id: ", "X-Other: x")).body)["request"]["headers"]
    assert headers.pop("x-id").endswith("#1")
    assert headers == {"host": "test", "x-other": "x"}


def test_the_echo_has_no_field_that_was_added_and_dropped(ended):
    site = ended(
        plugin("correlation-id", header_name="X-Id"),
        plugin("request-transformer", remove={"headers": ["X-Id"]}, add={"headers": ["X-New:1"]}), echo=True,
    )
    assert json.loads(site.ask(get("/")).body)["request"]["headers"] == {"host": "test", "x-new": "1"}


def test_the_echo_without_a_service_and_of_an_asterisk(open_site):
    config = config_of(plugins=[plugin("request-termination", echo=True)])
    site = open_site(config | {"routes": [{"name": "lonely", "paths": ["/"]}]})
    seen = json.loads(site.ask(get("*", method="OPTIONS")).body)
    assert (seen["matched_route"], seen["matched_service"], seen["request"]["path"]) == ({"name": "lonely"}, None, "/")


NAMES = st.sampled_from(["a", "b", "c d", "é", '"', "\\", "&=", ""]) | st.text(max_size=5)
SAME_SITE = [HealthCheck.function_scoped_fixture]


@settings(max_examples=150, suppress_health_check=SAME_SITE)
@given(st.lists(st.tuples(NAMES, st.none() | st.text(max_size=8)), max_size=130))
@example([("a", None)] * 130)
def test_any_query(echoing, pairs):
    pairs = [(name, value) for name, value in pairs if name or value is not None]
    query = "&".join(quote_plus(name) + ("" if value is None else f"={quote_plus(value)}") for name, value in pairs)
    seen = json.loads(echoing.ask(get(f"/?{query}")).body)["request"]["query"]
    assert seen == as_kong_has_it([(name, True if value is None else value) for name, value in pairs[:100]])


@settings(max_examples=100, suppress_health_check=SAME_SITE)
@given(st.lists(st.tuples(st.sampled_from(["X-A", "x-a", "X-b", "Accept"]), st.text("ab \"\\\té", max_size=12)), max_size=40))
def test_any_fields(echoing, pairs):
    answer = echoing.ask(get("/", *(f"{name}: {value}" for name, value in pairs)))
    seen = json.loads(answer.body)["request"]["headers"]
    assert seen == {"host": "test"} | as_kong_has_it([(name.lower(), value.strip(" \t")) for name, value in pairs])


def test_broken_escapes_stay_as_they_are(echoing):
    seen = json.loads(echoing.ask(get("/?a=%&b=%4&c=%zz&d=%41%&&=e&%")).body)["request"]["query"]
    assert seen == {"a": "%", "b": "%4", "c": "%zz", "d": "A%", "": "e", "%": True}


def test_the_largest_head_is_echoed(ended):
    gateway = {"limits": {"header_bytes": 65536, "uri_bytes": 40000}}
    site = ended(echo=True, gateway=gateway)
    query = "&".join(f"{i}=%22" for i in range(99)) + "&" + "%22" * 10000
    seen = json.loads(site.ask(get(f"/?{query}", "X-Long: " + "\xff" * 20000)).body)["request"]
    assert dict(parse_qsl(query, keep_blank_values=True)) == {k: "" if v is True else v for k, v in seen["query"].items()}
    assert seen["headers"]["x-long"] == "\xff" * 20000


@pytest.fixture(scope="module")
def echoing():
    from support.origin import Origin

    with Origin() as origin:
        site = Site(config_of(service(origin, plugins=[plugin("request-termination", echo=True)])), origin)
        yield site
        site.settle()
        site.close()

"""key-auth's key_in_body with real clients: forms, JSON objects, and what is neither."""

from __future__ import annotations

import json

import pytest

from support.client import get
from support.identity import alice, assert_refused, bob, nobody
from support.messages import chunk_all
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

FORM, JSON = "Content-Type: application/x-www-form-urlencoded", "Content-Type: application/json; charset=utf-8"
UNREADABLE = ["[]", "{", '{"apikey": "bob-key"', '{"apikey": "bob-key"} x', "null", '{"a": 01}', b'{"a": "\xff"}']
CONSUMERS = [alice(keyauth_credentials=[{"key": "alice-key"}, {"key": 'odd "key" é'}]), bob("bob-key")]


@pytest.fixture
def guarded(open_site, open_origin):
    def start(gateway=None, **config) -> Site:
        origin = open_origin()
        guard = plugin("key-auth", key_in_body=True, key_names=["apikey", "other"], **config)
        return open_site(config_of(service(origin, plugins=[guard]), consumers=CONSUMERS, gateway=gateway), origin)
    return start


def post(body: str | bytes, *fields: str, target: str = "/") -> bytes:
    return get(target, *fields, method="POST", body=body if isinstance(body, bytes) else body.encode())


@pytest.mark.parametrize("field, body, who", [
    (FORM, "a=1&apikey=alice-key&b=2", "alice"), (FORM, "%61pikey=odd+%22key%22%20%C3%A9", "alice"), (FORM, "other=bob-key", "bob"),
    (FORM, "other=bob-key&apikey=alice-key", "alice"), (JSON, '{"apikey": "bob-key"}', "bob"),
    (JSON, ' {"a": {"apikey": "x"}, "apik\\u0065y" : "odd \\"key\\" \\u00e9" , "b": [1, 2]} ', "alice"),
    (JSON, '{"apikey": 5, "other": "bob-key"}', "bob"), (JSON, json.dumps({str(n): n for n in range(500)} | {"apikey": "bob-key"}), "bob"),
])
def test_a_key_in_a_body_lets_in(guarded, field, body, who):
    site = guarded()
    for data in (post(body, field), get("/", field, "Transfer-Encoding: chunked", method="POST") + chunk_all([body.encode()])):
        assert site.ask(data).status == 200
        seen = site.origin.requests[-1]
        assert seen.get("X-Consumer-Username") == who and seen.body == body.encode()


def test_refusals(guarded):
    site = guarded()
    for data in (get("/"), post(""), post("", JSON), post("apikey=alice-key"), post("apikey=alice-key", "Content-Type: text/plain"),
                 post("apikey", FORM), post("{}", JSON), post('{"apikey": 5}', JSON), post('{"a": {"apikey": "bob-key"}}', JSON)):
        assert_refused(site.ask(data), "No API key found in request", "Key")
    for data in (post("apikey=bob-key&apikey=bob-key", FORM), post('{"apikey": "bob-key", "apikey": "bob-key"}', JSON),
                 post('{"apikey": ["bob-key"]}', JSON), post('{"apikey": {}}', JSON)):
        assert_refused(site.ask(data), "Duplicate API key found", "Key")
    assert_refused(site.ask(post("apikey=eve", FORM)), "Unauthorized", "Key")
    for body in UNREADABLE:
        assert_refused(site.ask(post(body, JSON)), "No API key found in request", "Key")
    assert site.ask(post("a" * 1_048_577, FORM)).status == 413
    assert not site.origin.requests


def test_header_and_query_go_before_the_body_which_is_then_streamed(guarded):
    site = guarded()
    assert site.ask(post(b"x" * 2_000_000, FORM, "apikey: bob-key")).status == 200
    assert site.ask(post("apikey=alice-key", FORM, target="/?apikey=bob-key")).status == 200
    assert site.origin.requests[-1].get("X-Consumer-Username") == "bob"
    assert site.metrics()["fastgate_request_bodies_collected_total"] == 0


@pytest.mark.parametrize("hides", [False, True])
def test_what_holds_no_key_is_streamed_whatever_its_size(guarded, hides):
    site = guarded(hide_credentials=hides)
    for fields in ("Content-Type: image/png",), ():
        assert_refused(site.ask(post(b"x" * 2_000_000, *fields)), "No API key found in request", "Key")
        assert site.ask(post(b"x" * 2_000_000, "apikey: bob-key", *fields)).status == 200
    assert site.metrics()["fastgate_request_bodies_collected_total"] == 0


def test_the_headers_and_queries_of_all_names_go_before_any_body(guarded):
    site = guarded()
    for data in (post('{"apikey": "alice-key"}', JSON, "other: bob-key"), post("apikey=alice-key", FORM, target="/?other=bob-key")):
        assert site.ask(data).status == 200
        assert site.origin.requests[-1].get("X-Consumer-Username") == "bob"
    assert site.metrics()["fastgate_request_bodies_collected_total"] == 0
    hiding = guarded(hide_credentials=True)
    for body in UNREADABLE:
        assert hiding.ask(post(body, JSON, "other: bob-key")).status == 200
        assert hiding.origin.requests[-1].get("other") is None


def test_where_another_plugin_may_let_in_an_unreadable_body_is_no_hindrance(open_site, open_origin):
    guards = [plugin("key-auth", key_in_body=True, anonymous="nobody"), plugin("basic-auth", anonymous="nobody")]
    consumers = [bob(basicauth_credentials=[{"username": "bob", "password": "b"}]), nobody()]
    site = open_site(config_of(service(origin := open_origin(), plugins=guards), consumers=consumers), origin)
    for body in UNREADABLE:
        assert site.ask(post(body, JSON, "Authorization: Basic Ym9iOmI=")).status == 200
        assert origin.requests[-1].get("X-Consumer-Username") == "bob"


@pytest.mark.parametrize("field, body, left", [
    (FORM, "a=1&apikey=bob-key&b=%20", "a=1&b=%20"), (FORM, "apikey=bob-key", ""), (JSON, '{"apikey":"bob-key"}', "{}"),
    (JSON, '{ "a" : 1.50, "apikey": "bob-key", "b": [ 1 ] }', '{"a":1.50,"b":[ 1 ]}'),
])
def test_a_hidden_key_is_not_in_the_body_that_goes_on(guarded, field, body, left):
    site = guarded(hide_credentials=True)
    for data in (post(body, field), post(body, field, "apikey: bob-key"), post(body, field, target="/?apikey=bob-key")):
        assert site.ask(data).status == 200
        seen = site.origin.requests[-1]
        assert seen.body == left.encode() and seen.get("Content-Length") == str(len(left))
        assert "bob-key" not in repr(seen)


def test_a_key_that_cannot_be_hidden_does_not_go_on(guarded):
    body = json.dumps({"apikey": "bob-key"} | {str(n): 0 for n in range(4096)})
    assert guarded().ask(post(body, JSON)).status == 200
    site = guarded(hide_credentials=True)
    assert site.ask(post(body, JSON)).status == 413 and not site.origin.requests

"""What request smuggling lives on is refused, the connection closed, and nothing reaches an upstream."""

from __future__ import annotations

import json

import pytest

from gateway.corpus import BAD_CHUNKS, CHUNKED, MALFORMED, SMUGGLED, SMUGGLING, post
from support.client import get
from support.messages import judge_requests

pytestmark = pytest.mark.core


def refused(site, data: bytes, statuses=(400,)) -> None:
    client = site.connect()
    client.send_quietly(data)
    response = client.response()
    assert response.status in statuses, (response.status, data[:200])
    assert response.get("connection", "").lower() == "close"
    message = json.loads(response.body)
    assert set(message) == {"message", "request_id"}
    client.expect_end()
    assert not site.origin.requests
    assert all(not connection.received for connection in site.origin.connections)


@pytest.mark.parametrize("name", SMUGGLING)
def test_ambiguous_framing_is_refused(site, name):
    refused(site, SMUGGLING[name])


@pytest.mark.parametrize("name", SMUGGLING)
def test_ambiguous_framing_is_refused_behind_a_good_request(site, name):
    client = site.connect()
    client.send_quietly(get("/good") + SMUGGLING[name])
    assert client.response().status == 200
    assert client.response().status == 400
    client.expect_end()
    assert [request.target for request in site.origin.requests] == ["/good"]


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_head_is_refused(site, name):
    refused(site, MALFORMED[name], (400, 405, 501, 505))


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_head_is_refused_behind_a_good_request(site, name):
    client = site.connect()
    client.send_quietly(get("/good") + MALFORMED[name])
    assert client.response().status == 200
    assert client.response().status in (400, 405, 501, 505)
    client.expect_end()
    assert [request.target for request in site.origin.requests] == ["/good"]


@pytest.mark.parametrize("name", ["obs-fold", "NUL in value", "LF only", "two hosts"])
def test_malformed_head_byte_by_byte_is_refused(site, name):
    client = site.connect()
    data = MALFORMED[name]
    for at in range(len(data)):
        client.send_quietly(data[at:at + 1])
    response = client.response()
    assert response.status == 400
    client.expect_end()
    assert not site.origin.requests


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_malformed_chunked_body_ends_both_connections(site, name):
    """The head was good, so the upstream may have it; it never gets an end of that body, nor what follows."""
    site.origin.script = lambda connection: (connection.read(), connection.reply(b"complete"))
    client = site.connect()
    client.send_quietly(post(CHUNKED, BAD_CHUNKS[name]) + SMUGGLED)
    try:
        response = client.response()
    except ConnectionError:
        response = None                     # closed without an answer: fine, the body was broken
    if response is not None:
        assert response.status in (400, 413, 431), response.status
    client.expect_end()
    site.settle()
    assert all(request.target == "/x" and not request.body for request in site.origin.requests)
    for request in site.origin.requests:
        assert request.connection.ended.wait(20)
        assert not request.is_whole


def test_malformed_body_behind_a_good_one_leaves_the_first_answered(site):
    client = site.connect()
    client.send_quietly(post(CHUNKED, b"3\r\nabc\r\n0\r\n\r\n") + post(CHUNKED, BAD_CHUNKS["no hex"]))
    response = client.response()
    assert (response.status, json.loads(response.body)["body"]) == (200, "abc")
    client.to_end()


def test_host_empty_is_allowed_by_the_grammar(site):
    assert site.ask(b"GET / HTTP/1.1\r\nHost:\r\n\r\n").status in (200, 400)


@pytest.mark.parametrize("host", ["a", "a.b.c", "a:80", "127.0.0.1:8000", "[::1]", "[::1]:8080", "xn--bcher-kva.example",
                                  "a_b.example", "UPPER.example", "a.example."])
def test_hosts_that_are_fine_pass(site, host):
    assert site.ask(get("/", host=host)).status == 200


@pytest.mark.parametrize("name", ["X-A", "x_a", "X.A", "1", "!#$%&'*+-.^_`|~"])
def test_field_names_that_are_fine_pass(site, name):
    assert site.ask(get("/", f"{name}: 1")).status == 200


def test_refusals_keep_no_connection(site):
    before = site.descriptors()
    for data in [*SMUGGLING.values(), *MALFORMED.values()]:
        client = site.connect()
        client.send_quietly(data)
        client.to_end()
        client.close()
    site.settle()
    assert site.descriptors() <= before + 5


@pytest.mark.parametrize("table", [SMUGGLING, MALFORMED], ids=["smuggling", "malformed"])
def test_what_llhttp_refuses_is_in_the_tables(table):
    """The oracle bites: llhttp itself objects to a fair part of what we refuse."""
    objections = [name for name, data in table.items() if judge_requests(data).verdict]
    assert len(objections) > len(table) // 3

"""Sizes: 431 for heads, 414 for targets, 413 for bodies; the connection is closed after each."""

from __future__ import annotations

import json

import pytest

from gateway.corpus import CHUNKED, post
from support.client import get
from support.messages import chunk_all
from support.origin import pattern

pytestmark = pytest.mark.core
GATEWAY = {"limits": {"header_bytes": 4096, "headers": 20, "uri_bytes": 1000, "body_bytes": 50_000,
                      "chunk_extension_bytes": 64}}


def refused(site, data: bytes, status: int, message: str | None = None) -> None:
    client = site.connect()
    client.send_quietly(data)
    response = client.response()
    assert response.status == status
    if message:
        assert json.loads(response.body)["message"] == message
    client.expect_end()


def passed(site, data: bytes) -> None:
    assert site.ask(data).status == 200


def test_head_of_the_limit_passes_and_beyond_is_431(site):
    passed(site, get("/", "X-Big: " + "a" * 3900))
    refused(site, get("/", "X-Big: " + "a" * 4200), 431)
    assert [request.get("x-big", "")[:1] for request in site.origin.requests] == ["a"]


def test_head_without_end_is_431(site):
    refused(site, b"GET / HTTP/1.1\r\nHost: test\r\n" + b"X: y\r\nLonger-Name: value\r\n" * 9 + b"X: " + b"z" * 50_000, 431)


def test_head_of_endless_small_fields_is_431(site):
    refused(site, b"GET / HTTP/1.1\r\n" + b"a:b\r\n" * 10_000, 431)


def test_field_count_of_the_limit_passes_and_beyond_is_431(site):
    passed(site, get("/", *[f"X-{n}: {n}" for n in range(19)]))
    refused(site, get("/", *[f"X-{n}: {n}" for n in range(20)]), 431)


def test_connection_options_beyond_1024_bytes_are_431(site):
    """Each of them is compared with each field: thousands would cost milliseconds."""
    passed(site, get("/", "Connection: " + ",".join(["a"] * 512)))
    refused(site, get("/", "Connection: " + ",".join(["a"] * 256), "Connection: " + ",".join(["b"] * 258)), 431)


def test_target_of_the_limit_passes_and_beyond_is_414(site):
    passed(site, get("/" + "a" * 999))
    refused(site, get("/" + "a" * 1000), 414, "URI too long")


def test_target_without_end_is_414(site):
    refused(site, b"GET /" + b"a" * 100_000, 414)


def test_body_of_the_limit_passes(site):
    passed(site, get("/", method="POST", body=pattern(50_000)))
    passed(site, get("/", "Transfer-Encoding: chunked", method="POST") + chunk_all([pattern(25_000)] * 2))


def test_body_announced_beyond_the_limit_is_413_before_it_comes(site):
    refused(site, get("/", "Content-Length: 50001", method="POST"), 413)
    refused(site, get("/", "Content-Length: 9999999999999", method="POST"), 413)
    assert not site.origin.requests


def test_body_announced_beyond_the_limit_with_expect_gets_a_final_status(site):
    refused(site, get("/", "Content-Length: 50001", "Expect: 100-continue", method="POST"), 413)


def test_body_in_chunks_beyond_the_limit_is_413_or_ends_both(site):
    client = site.connect()
    client.send_quietly(get("/", "Transfer-Encoding: chunked", method="POST") + chunk_all([pattern(10_000)] * 6))
    assert client.response().status == 413
    client.to_end()
    for request in site.origin.requests:
        assert request.connection.ended.wait(20)
        assert not request.is_whole


def test_chunk_extension_beyond_the_limit_is_refused(site):
    passed(site, post(CHUNKED, b"3;" + b"a" * 40 + b"\r\nabc\r\n0\r\n\r\n"))
    client = site.connect()
    client.send_quietly(post(CHUNKED, b"3;" + b"a" * 2000 + b"\r\nabc\r\n0\r\n\r\n"))
    assert client.response().status in (400, 413)
    client.to_end()


def test_limits_hold_for_the_second_request_too(site):
    client = site.connect()
    client.send_quietly(get("/1") + get("/2", "X-Big: " + "a" * 5000))
    assert client.response().status == 200
    assert client.response().status == 431
    client.expect_end()


def test_limits_count_one_head_not_the_connection(site):
    client = site.connect()
    for _ in range(20):
        assert client.ask(get("/", "X-Big: " + "a" * 2000)).status == 200
    client.send(b"".join(get(f"/{n}", "X-Big: " + "a" * 1000) for n in range(20)))
    assert [client.response().status for _ in range(20)] == [200] * 20


def test_refusal_arrives_although_the_client_keeps_sending(site):
    """The answer must not be lost in a reset while the client still writes its body."""
    for _ in range(5):
        client = site.connect()
        client.send_quietly(get("/", "Content-Length: 10000000", method="POST") + pattern(1_000_000))
        assert client.response().status == 413
        client.close()

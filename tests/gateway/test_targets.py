"""Request targets and methods: origin, absolute, asterisk and authority form (RFC 9112, 3.2)."""

from __future__ import annotations

import json

import pytest

from support.client import get

pytestmark = pytest.mark.core


def host_of(echoed) -> list[str]:
    return [value for name, value in echoed["headers"] if name.lower() == "host"]


@pytest.mark.parametrize("target", [
    "/", "/a/b/c", "/a?x=1&y=2", "/?", "/a%20b", "/%E2%82%AC", "/a;p=1", "/~user/*", "/a?b=http://c/d?e#"[:-1],
    "/:@!$&'()+,=", "/a?x=%00", "/" + "a" * 5000, "/a?[b]={c}|d",
])
def test_target_reaches_the_upstream_unchanged(site, target):
    assert site.echo(get(target))["target"] == target


def test_target_in_absolute_form_goes_out_in_origin_form(site):
    echoed = site.echo(b"GET http://example.org/path?q=1 HTTP/1.1\r\nHost: example.org\r\n\r\n")
    assert echoed["target"] == "/path?q=1"


@pytest.mark.parametrize("target,expected", [
    ("http://example.org", "/"), ("http://example.org/", "/"), ("http://example.org?q=1", "/?q=1"),
    ("HTTP://EXAMPLE.ORG:80/x", "/x"), ("http://[::1]:80/x", "/x"),
])
def test_target_in_absolute_form_with_odd_shapes(site, target, expected):
    raw = f"GET {target} HTTP/1.1\r\nHost: example.org\r\n\r\n".encode()
    response = site.ask(raw)
    assert response.status == 200
    assert json.loads(response.body)["target"] == expected


def test_absolute_form_authority_wins_over_host(open_site, open_origin):
    """RFC 9112, 3.2.2: a received Host is ignored when the target is in absolute form."""
    from support.site import config_of, service
    origin = open_origin()
    site = open_site(config_of(service(origin, {"name": "r", "hosts": ["right.example"], "preserve_host": True})), origin)
    response = site.ask(b"GET http://right.example/x HTTP/1.1\r\nHost: wrong.example\r\n\r\n")
    assert response.status == 200
    assert host_of(json.loads(response.body)) == ["right.example"]
    assert site.ask(b"GET http://wrong.example/x HTTP/1.1\r\nHost: right.example\r\n\r\n").status == 404


@pytest.mark.parametrize("target", [
    "http://", "http:///x", "http://us er@h/", "http://user@host/x", "http://a b/", "ftp://example.org/", "example.org/x",
    "//", "a", "?", "http://[::1/x", "http://example.org:port/",
])
def test_target_of_no_form_is_refused_or_harmless(site, target):
    """Either refused with 400, or an origin-form path (`//`) that goes on as it is."""
    client = site.connect()
    client.send(f"GET {target} HTTP/1.1\r\nHost: example.org\r\n\r\n".encode())
    response = client.response()
    if response.status == 200:
        assert json.loads(response.body)["target"].startswith("/")
        assert target.startswith("/")
    else:
        assert response.status in (400, 404)


def test_options_asterisk_is_answered(site):
    """RFC 9110, 9.3.7: about the server as a whole; forwarded as `*` or answered here, never as a path."""
    response = site.ask(b"OPTIONS * HTTP/1.1\r\nHost: test\r\n\r\n")
    assert response.status in (200, 204)
    for request in site.origin.requests:
        assert (request.method, request.target) == ("OPTIONS", "*")


def test_asterisk_with_another_method_is_refused(site):
    assert site.ask(b"GET * HTTP/1.1\r\nHost: test\r\n\r\n").status == 400
    assert not site.origin.requests


def test_connect_is_refused(site):
    client = site.connect()
    response = client.ask(b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n")
    assert 400 <= response.status < 600
    client.send_quietly(b"\x16\x03\x01\r\n\r\n")
    assert b"HTTP/1.1 2" not in client.to_end()
    assert not site.origin.requests


def test_trace_does_not_break_framing(site):
    client = site.connect()
    response = client.ask(get("/", method="TRACE"))
    assert response.status in (200, 405, 501, 400)
    if response.status == 200:
        assert client.ask(get("/next")).status == 200


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "REPORT", "PURGE",
                                    "SEARCH", "MKCOL", "LINK", "QUERY"])
def test_methods_pass(site, method):
    assert site.echo(get("/", method=method))["method"] == method


@pytest.mark.parametrize("method", ["FOO", "get", "GETX", "G E T", "G@T", "\x01", "PRI"])
def test_methods_unknown_to_the_parser_are_refused(site, method):
    client = site.connect()
    response = client.ask(f"{method} / HTTP/1.1\r\nHost: test\r\n\r\n".encode())
    assert response.status in (400, 405, 501)
    client.expect_end()
    assert not site.origin.requests

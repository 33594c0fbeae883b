"""Header fields the gateway removes, adds and leaves alone (RFC 9110, 7.6; kong.md, Headers)."""

from __future__ import annotations

import email.utils
import json
import re

import pytest

from support.client import get
from support.origin import answer
from support.site import config_of, service

pytestmark = pytest.mark.core
HOP_BY_HOP = ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "TE: gzip", "Proxy-Authenticate: Basic",
              "Upgrade: h2c", "Upgrade: foo/1"]


def fields(echoed, name: str) -> list[str]:
    return [value for key, value in echoed["headers"] if key.lower() == name.lower()]


# -- to the upstream ----------------------------------------------------------------------------


@pytest.mark.parametrize("line", HOP_BY_HOP)
def test_hop_by_hop_field_of_a_request_is_removed(site, line):
    name = line.partition(":")[0]
    assert fields(site.echo(get("/", line)), name) == []
    assert fields(site.echo(get("/", line, f"Connection: {name}")), name) == []


@pytest.mark.parametrize("connection", ["X-Mine", "x-mine", "close, X-Mine", "X-Mine,keep-alive", " ,X-Mine , ,", "X-Mine,X-Other"])
def test_fields_named_in_connection_are_removed(site, connection):
    echoed = site.echo(get("/", f"Connection: {connection}", "X-Mine: 1", "X-Kept: 2"))
    assert fields(echoed, "x-mine") == []
    assert fields(echoed, "x-kept") == ["2"]
    assert not any("x-mine" in value.lower() for value in fields(echoed, "connection"))


def test_fields_named_in_two_connection_lines_are_removed(site):
    echoed = site.echo(get("/", "Connection: X-One", "X-One: 1", "X-Two: 2", "Connection: X-Two"))
    assert fields(echoed, "x-one") == fields(echoed, "x-two") == []


@pytest.mark.parametrize("name", ["Host", "Content-Length", "X-Forwarded-For", "X-Real-IP", "Via", "Transfer-Encoding"])
def test_connection_cannot_remove_what_the_gateway_owns(site, name):
    """Naming framing or identity fields in Connection must not strip them (a known attack)."""
    client = site.connect()
    response = client.ask(get("/", f"Connection: {name}", method="POST", body=b"hello"))
    if response.status == 400:
        return
    echoed = json.loads(response.body)
    assert echoed["body"] == "hello"
    assert len(fields(echoed, "host")) == 1
    assert fields(echoed, "x-forwarded-for") == ["127.0.0.1"]
    assert fields(echoed, "x-real-ip") == ["127.0.0.1"]


def test_ordinary_fields_pass_unchanged_in_order(site):
    lines = ["X-A: 1", "X-B: two words", "X-A: 3", "Cookie: a=b; c=d", "X-Empty:", "Authorization: Basic abc",
             "X-Latin: caf\xe9", "Accept-Encoding: gzip, br"]
    echoed = site.echo(get("/", *lines))
    wanted = [tuple(part.strip() for part in line.split(":", 1)) for line in lines]
    names = {name for name, _ in wanted}
    assert [(name, value) for name, value in echoed["headers"] if name in names] == wanted


def test_blanks_around_values_are_cut(site):
    assert fields(site.echo(get("/", "X-Pad: \t  value with  spaces \t ")), "x-pad") == ["value with  spaces"]


def test_upstream_gets_one_host_and_no_connection_close(site):
    echoed = site.echo(get("/", "Connection: close"))
    assert len(fields(echoed, "host")) == 1
    assert not any("close" in value.lower() for value in fields(echoed, "connection"))


def test_forwarded_fields_are_set(site):
    echoed = site.echo(get("/path?q=1", host="public.example:8443"))
    assert fields(echoed, "x-forwarded-for") == ["127.0.0.1"]
    assert fields(echoed, "x-real-ip") == ["127.0.0.1"]
    assert fields(echoed, "x-forwarded-proto") == ["http"]
    assert fields(echoed, "x-forwarded-host") == ["public.example"]
    assert fields(echoed, "x-forwarded-port") == [str(site.process.port)]


def test_forwarded_fields_from_strangers_are_not_believed(site):
    spoofed = ["X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example", "X-Forwarded-Port: 1",
               "X-Real-IP: 10.9.9.9", "X-Forwarded-Prefix: /evil", "X-Forwarded-Path: /evil"]
    echoed = site.echo(get("/", *spoofed, host="public.example"))
    assert fields(echoed, "x-forwarded-proto") == ["http"]
    assert fields(echoed, "x-forwarded-host") == ["public.example"]
    assert fields(echoed, "x-forwarded-port") == [str(site.process.port)]
    assert fields(echoed, "x-real-ip") == ["127.0.0.1"]
    assert "evil" not in json.dumps(echoed)


def test_forwarded_for_of_a_stranger_is_not_believed(site):
    """What an untrusted client tells may be a lie: only the peer itself is named."""
    assert fields(site.echo(get("/", "X-Forwarded-For: 10.1.1.1, 10.2.2.2")), "x-forwarded-for") == ["127.0.0.1"]


def test_request_id_is_new_and_goes_both_ways(site):
    response = site.ask(get("/", "X-Fastgate-Request-Id: mine"))
    request_id = response.all("x-fastgate-request-id")
    assert len(request_id) == 1 and re.fullmatch(r"[0-9a-f]{32}", request_id[0])
    assert fields(json.loads(response.body), "x-fastgate-request-id") == request_id
    assert site.ask(get()).get("x-fastgate-request-id") != request_id[0]


def test_via_is_appended_upstream(site):
    via = fields(site.echo(get()), "via")
    assert len(via) == 1 and via[0].startswith("1.1 fastgate")
    via = ", ".join(fields(site.echo(get("/", "Via: 1.0 fred, 1.1 p.example.net")), "via"))
    assert via.startswith("1.0 fred, 1.1 p.example.net, 1.1 fastgate")


# -- to the client ------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["Keep-Alive: timeout=5", "Proxy-Connection: keep-alive", "Upgrade: h2c",
                                  "Connection: X-Mine", "Connection: keep-alive, X-Mine"])
def test_hop_by_hop_field_of_a_response_is_removed(site, line):
    site.origin.script = answer(f"HTTP/1.1 200 OK\r\n{line}\r\nX-Mine: 1\r\nContent-Length: 2\r\n\r\nok".encode())
    response = site.ask(get())
    name = line.partition(":")[0].lower()
    if name == "connection":
        assert response.get("x-mine") is None
        assert "x-mine" not in (response.get("connection") or "").lower()
    else:
        assert response.get(name) is None


def test_response_fields_pass_unchanged_in_order(site):
    raw = (b"HTTP/1.1 200 Fine Indeed\r\nSet-Cookie: a=1\r\nX-Z: 9\r\nSet-Cookie: b=2; Path=/\r\nX-Empty: \r\n"
           b"ETag: W/\"x\"\r\nContent-Length: 2\r\n\r\nok")
    site.origin.script = answer(raw)
    response = site.ask(get())
    wanted = [("Set-Cookie", "a=1"), ("X-Z", "9"), ("Set-Cookie", "b=2; Path=/"), ("X-Empty", ""), ("ETag", 'W/"x"')]
    names = {name for name, _ in wanted}
    assert [pair for pair in response.fields if pair[0] in names] == wanted
    assert response.start[2] in ("Fine Indeed", "OK")


def test_server_and_date_of_the_upstream_are_kept(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nServer: theirs/1\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\n"
                                b"Content-Length: 0\r\n\r\n")
    response = site.ask(get())
    assert response.all("server") == ["theirs/1"]
    assert response.all("date") == ["Tue, 15 Nov 1994 08:12:31 GMT"]


def test_server_and_date_are_added_where_the_upstream_sent_none(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    response = site.ask(get())
    assert response.get("server", "").startswith("fastgate/")
    assert email.utils.parsedate_to_datetime(response.get("date"))


def test_via_is_appended_downstream(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nVia: 1.1 inner\r\nContent-Length: 0\r\n\r\n")
    via = ", ".join(site.ask(get()).all("via"))
    assert via.startswith("1.1 inner, 1.1 fastgate/")


def test_latency_fields_of_a_proxied_answer(site):
    response = site.ask(get())
    assert len(response.all("x-fastgate-upstream-latency")) == len(response.all("x-fastgate-proxy-latency")) == 1
    assert response.get("x-fastgate-upstream-latency").isdigit()
    assert response.get("x-fastgate-proxy-latency").isdigit()
    assert response.get("x-fastgate-response-latency") is None


def test_gateway_fields_from_the_upstream_are_replaced(site):
    site.origin.script = answer(b"HTTP/1.1 200 OK\r\nX-Fastgate-Upstream-Latency: 99999\r\nX-Fastgate-Request-Id: x\r\n"
                                b"X-Fastgate-Proxy-Latency: 99999\r\nContent-Length: 0\r\n\r\n")
    response = site.ask(get())
    assert len(response.all("x-fastgate-request-id")) == 1
    assert len(response.all("x-fastgate-upstream-latency")) == 1
    assert response.get("x-fastgate-upstream-latency") != "99999"


def test_answer_made_here_has_the_gateways_fields(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin, {"name": "r", "paths": ["/only"]})), origin)
    response = site.ask(get("/other"))
    assert response.status == 404
    assert response.get("content-type", "").startswith("application/json")
    assert response.get("server", "").startswith("fastgate/")
    assert response.get("x-fastgate-response-latency", "").isdigit()
    assert response.get("x-fastgate-upstream-latency") is None
    request_id = response.get("x-fastgate-request-id")
    assert json.loads(response.body) == {"message": "no Route matched with those values", "request_id": request_id}
    assert email.utils.parsedate_to_datetime(response.get("date"))


def test_header_prefix_of_kong(open_site, open_origin):
    origin = open_origin()
    site = open_site(config_of(service(origin), gateway={"header_prefix": "X-Kong"}), origin)
    response = site.ask(get("/", "X-Kong-Request-Id: spoofed"))
    assert re.fullmatch(r"[0-9a-f]{32}", response.get("x-kong-request-id"))
    assert response.get("x-kong-upstream-latency").isdigit() and response.get("x-kong-proxy-latency").isdigit()
    assert fields(json.loads(response.body), "x-kong-request-id") == [response.get("x-kong-request-id")]
    assert not any(name.startswith("x-fastgate") for name in response.names())

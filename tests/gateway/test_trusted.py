"""Forwarded fields from clients inside `trusted_ips`, and finding the real client behind them."""

from __future__ import annotations

import json

import pytest

from gateway.test_headers import fields
from support.client import get
from support.site import config_of, service

pytestmark = pytest.mark.core
FORWARDED = ["X-Forwarded-Proto: https", "X-Forwarded-Host: shop.example", "X-Forwarded-Port: 443"]


@pytest.fixture
def trusting(open_site, open_origin):
    def start(**gateway):
        origin = open_origin()
        return open_site(config_of(service(origin), gateway={"trusted_ips": ["127.0.0.0/8"], **gateway}), origin)
    return start


def test_forwarded_fields_of_a_trusted_peer_are_kept(trusting):
    echoed = trusting().echo(get("/", *FORWARDED))
    assert fields(echoed, "x-forwarded-proto") == ["https"]
    assert fields(echoed, "x-forwarded-host") == ["shop.example"]
    assert fields(echoed, "x-forwarded-port") == ["443"]


def test_forwarded_fields_missing_from_a_trusted_peer_are_set(trusting):
    site = trusting()
    echoed = site.echo(get("/", host="a.example"))
    assert fields(echoed, "x-forwarded-proto") == ["http"]
    assert fields(echoed, "x-forwarded-host") == ["a.example"]
    assert fields(echoed, "x-forwarded-port") == [str(site.process.port)]


def test_real_ip_from_a_trusted_peer_is_the_client(trusting):
    echoed = trusting().echo(get("/", "X-Real-IP: 203.0.113.7"))
    assert fields(echoed, "x-real-ip") == ["203.0.113.7"]


def test_real_ip_that_is_no_address_is_ignored(trusting):
    site = trusting()
    for value in ("nonsense", "", "203.0.113.7.8", "203.0.113.7 1.2.3.4", "::g"):
        assert fields(site.echo(get("/", f"X-Real-IP: {value}")), "x-real-ip") == ["127.0.0.1"]


def test_real_ip_of_six_is_read(trusting):
    echoed = trusting().echo(get("/", "X-Real-IP: 2001:db8::1"))
    assert fields(echoed, "x-real-ip") == ["2001:db8::1"]


def test_forwarded_for_as_real_ip_header_takes_the_rightmost(trusting):
    site = trusting(real_ip_header="X-Forwarded-For")
    echoed = site.echo(get("/", "X-Forwarded-For: 198.51.100.1, 203.0.113.7"))
    assert fields(echoed, "x-real-ip") == ["203.0.113.7"]


def test_forwarded_for_recursive_skips_trusted_hops(trusting):
    site = trusting(real_ip_header="X-Forwarded-For", real_ip_recursive=True)
    echoed = site.echo(get("/", "X-Forwarded-For: 198.51.100.1, 203.0.113.7, 127.0.0.9, 127.0.0.8"))
    assert fields(echoed, "x-real-ip") == ["203.0.113.7"]


def test_forwarded_for_recursive_goes_on_in_the_line_before(trusting):
    """A list may come in several lines (RFC 9110, 5.2); a hop may add its own."""
    site = trusting(real_ip_header="X-Forwarded-For", real_ip_recursive=True)
    echoed = site.echo(get("/", "X-Forwarded-For: 198.51.100.1, 203.0.113.7", "X-Forwarded-For: 127.0.0.9", "X-Forwarded-For: 127.0.0.8"))
    assert fields(echoed, "x-real-ip") == ["203.0.113.7"]


def test_forwarded_for_keeps_the_chain(trusting):
    echoed = trusting().echo(get("/", "X-Forwarded-For: 203.0.113.7"))
    assert fields(echoed, "x-forwarded-for") == ["203.0.113.7, 127.0.0.1"]


def test_forwarded_for_in_two_lines_keeps_all(trusting):
    echoed = trusting().echo(get("/", "X-Forwarded-For: 10.1.1.1", "X-Forwarded-For: 10.2.2.2"))
    assert fields(echoed, "x-forwarded-for") == ["10.1.1.1, 10.2.2.2, 127.0.0.1"]


def test_peer_outside_the_networks_is_not_believed(trusting):
    site = trusting(trusted_ips=["127.0.0.2/32", "10.0.0.0/8"])
    echoed = site.echo(get("/", *FORWARDED, "X-Real-IP: 203.0.113.7", host="a.example"))
    assert fields(echoed, "x-forwarded-proto") == ["http"]
    assert fields(echoed, "x-forwarded-host") == ["a.example"]
    assert fields(echoed, "x-real-ip") == ["127.0.0.1"]


def test_peer_inside_one_of_the_networks_is_believed(trusting):
    site = trusting(trusted_ips=["127.0.0.2/32", "10.0.0.0/8"])
    client = site.connect(source="127.0.0.2")
    response = client.ask(get("/", *FORWARDED))
    assert response.status == 200
    assert fields(json.loads(response.text), "x-forwarded-proto") == ["https"]

"""Parsing and ordering of addresses."""

import pytest

from fastgate.control.addresses import in_order, one_family, preferred_version, split_address


@pytest.mark.parametrize("text, expected", [
    ("192.0.2.1", ("192.0.2.1", 53)),
    ("192.0.2.1:5353", ("192.0.2.1", 5353)),
    ("2001:db8::1", ("2001:db8::1", 53)),
    ("[2001:DB8::1]", ("2001:db8::1", 53)),
    ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
])
def test_split_address(text, expected):
    assert split_address(text, 53) == expected


@pytest.mark.parametrize("text", ["", "dns.example", "192.0.2.1:", "192.0.2.1:0", "192.0.2.1:65536", "192.0.2.1:x", "192.0.2.1:٣", "[2001:db8::1", "[2001:db8::1]53", "256.0.0.1"])
def test_split_address_refuses_what_is_none(text):
    with pytest.raises(ValueError):
        split_address(text, 53)


def test_addresses_are_in_order_and_once():
    assert in_order(["2001:db8::1", "192.0.2.10", "192.0.2.9", "192.0.2.10", "2001:DB8::1"]) == ("192.0.2.9", "192.0.2.10", "2001:db8::1")


@pytest.mark.parametrize("addresses, prefer, expected", [
    (["::1", "127.0.0.1"], 4, ("127.0.0.1",)),
    (["::1", "127.0.0.1"], 6, ("::1",)),
    (["::1"], 4, ("::1",)),
    ([], 4, ()),
])
def test_one_family(addresses, prefer, expected):
    assert one_family(addresses, prefer) == expected


@pytest.mark.parametrize("routes, expected", [((4, 6), 4), ((4,), 4), ((6,), 6), ((), 4)])
def test_family_of_the_host_is_known_by_its_routes(monkeypatch, routes, expected):
    import socket

    monkeypatch.setattr(
        "fastgate.control.addresses._has_route",
        lambda family, address: {socket.AF_INET: 4, socket.AF_INET6: 6}[family] in routes,
    )
    assert preferred_version() == expected

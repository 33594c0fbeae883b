"""ip-restriction: by the peer's address, and by the one that a trusted proxy names."""

from __future__ import annotations

import ipaddress
import random

import pytest

from support.answers import said
from support.client import get
from support.site import Site, config_of, plugin, service

pytestmark = [pytest.mark.core, pytest.mark.one_thread]

PROXIED = {"trusted_ips": ["127.0.0.1", "unix:"], "real_ip_header": "X-Real-IP"}


@pytest.fixture
def guarded(open_site, open_origin):
    """A site whose clients are whom X-Real-IP names."""
    def start(gateway=PROXIED, options=None, **config) -> Site:
        origin = open_origin()
        guard = plugin("ip-restriction", **config)
        return open_site(config_of(service(origin, plugins=[guard]), gateway=gateway), origin, **(options or {}))
    return start


def status(site: Site, address: str | None) -> int:
    return site.ask(get("/", *([f"X-Real-IP: {address}"] if address else []))).status


def test_the_peer_itself(guarded):
    assert status(guarded(gateway=None, deny=["127.0.0.0/8"]), None) == 403
    assert status(guarded(gateway=None, allow=["127.0.0.1"]), None) == 200
    # Nobody is trusted: what the client says of itself counts for nothing.
    assert status(guarded(gateway=None, allow=["10.0.0.0/8"]), "10.0.0.1") == 403


def test_the_refusal_says_which_address(guarded):
    site = guarded(deny=["10.1.2.3", "2001:db8::/32"])
    for address in ("10.1.2.3", "2001:db8::7"):
        answer = site.ask(get("/", f"X-Real-IP: {address}"))
        assert said(answer) == (403, f"IP address not allowed: {address}")
    assert not site.origin.requests


def test_status_and_message_of_the_configuration(guarded):
    answer = guarded(allow=["10.0.0.0/8"], status=451, message='not "here"').ask(get("/"))
    assert said(answer) == (451, 'not "here"')


def test_deny_goes_first(guarded):
    site = guarded(allow=["10.0.0.0/8"], deny=["10.66.0.0/16"])
    assert [status(site, address) for address in ("10.0.0.1", "10.66.0.1", "10.67.0.1", "11.0.0.1")] == [200, 403, 200, 403]


def test_the_families_are_apart(guarded):
    site = guarded(allow=["::/0"])
    assert [status(site, address) for address in ("::1", "ffff::", "::ffff:10.0.0.1", "10.0.0.1")] == [200, 200, 403, 403]
    site = guarded(allow=["0.0.0.0/0"])
    assert [status(site, address) for address in ("::1", "::ffff:10.0.0.1", "10.0.0.1")] == [403, 200, 200]
    site = guarded(deny=["::ffff:10.0.0.0/104"])
    assert [status(site, address) for address in ("10.0.0.1", "11.0.0.1", "::1")] == [403, 200, 200]


def test_bits_of_the_host_do_not_matter(guarded):
    site = guarded(allow=["10.1.2.3/8", "2001:db8::1/32"])
    assert [status(site, address) for address in ("10.9.9.9", "2001:db8:ffff::", "2001:db9::")] == [200, 200, 403]


@pytest.mark.parametrize("config", [{"deny": ["10.0.0.1"]}, {"allow": ["::/0", "0.0.0.0/0"]}, {"deny": ["10.0.0.1"], "allow": ["::"]}])
def test_a_unix_peer_without_an_address_is_refused_by_either_list(guarded, tmp_path, config):
    site = guarded(options={"listen": [f"unix:{tmp_path}/socket"]}, **config)
    answer = site.ask(get("/"))
    assert said(answer) == (403, "Cannot identify the client IP address, unix domain sockets are not supported.")
    named = site.ask(get("/", "X-Real-IP: 10.0.0.9"))       # it is trusted, and names one
    assert named.status == (200 if config != {"deny": ["10.0.0.1"], "allow": ["::"]} else 403)


def test_thousands_of_networks(guarded):
    choice = random.Random(7)
    def any_network(bits_v4, bits_v6):
        if choice.random() < 0.5:
            return ipaddress.ip_network((choice.getrandbits(32), choice.randint(*bits_v4)), strict=False)
        return ipaddress.ip_network((choice.getrandbits(128), choice.randint(*bits_v6)), strict=False)
    allow = [any_network((4, 14), (4, 14)) for _ in range(2000)]
    deny = [any_network((8, 16), (8, 16)) for _ in range(5000)]
    site = guarded(allow=[str(network) for network in allow], deny=[str(network) for network in deny])
    client = site.connect()
    seen = set()
    for _ in range(300):
        near = choice.choice(allow + deny)
        address = near[choice.randrange(near.num_addresses)] if choice.random() < 0.8 else near.network_address - 1
        expected = 200 if (
            any(address in network for network in allow if network.version == address.version)
            and not any(address in network for network in deny if network.version == address.version)
        ) else 403
        assert client.ask(get("/", f"X-Real-IP: {address}")).status == expected, address
        seen.add(expected)
    assert seen == {200, 403}

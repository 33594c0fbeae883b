"""`_core/auth/ip_set.pyx` against Python's `ipaddress`."""

import ipaddress
import random

import pytest
from fastgate_doors import auth_tables_door as door
from hypothesis import example, given
from hypothesis import strategies as st

MAPPED = bytes(10) + b"\xff\xff"
LAST = {4: 2**32 - 1, 6: 2**128 - 1}


def packed(address) -> bytes:
    return MAPPED + address.packed if address.version == 4 else address.packed


def bits(network) -> int:
    return network.prefixlen + (96 if network.version == 4 else 0)


def ip_set(networks) -> door.IpSet:
    return door.IpSet([(packed(network.network_address), bits(network)) for network in networks])


def in_any(address, networks) -> bool:
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped               # one and the same to the gateway
    return any(address in network for network in networks)


def probes(networks):
    """Where an answer may change: the ends of each network, and the addresses beside them."""
    for network in networks:
        first, last = int(network.network_address), int(network.broadcast_address)
        for number in {first - 1, first, (first + last) // 2, last, last + 1}:
            if 0 <= number <= LAST[network.version]:
                yield (ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address)(number)


# Many share their first bits, so that networks lie in, on and beside each other.
v4_numbers = st.one_of(st.integers(0, LAST[4]), st.integers(0, 40), st.integers(LAST[4] - 40, LAST[4]),
                       st.integers(0x0A000000, 0x0A000000 + 70_000))
v6_numbers = st.one_of(st.integers(0, LAST[6]), st.integers(0, 40), st.integers(LAST[6] - 40, LAST[6]),
                       st.integers(0x20010DB8 << 96, (0x20010DB8 << 96) + 2**65), st.integers((1 << 64) - 20, (1 << 64) + 20))
v4_networks = st.builds(lambda number, length: ipaddress.ip_network((number, length), strict=False), v4_numbers.map(ipaddress.IPv4Address),
                        st.one_of(st.integers(0, 32), st.integers(28, 32)))
v6_networks = st.builds(lambda number, length: ipaddress.ip_network((number, length), strict=False), v6_numbers.map(ipaddress.IPv6Address),
                        st.one_of(st.integers(0, 128), st.integers(60, 68), st.integers(124, 128)))
networks_of_both = st.lists(st.one_of(v4_networks, v6_networks), max_size=40)
addresses = st.one_of(v4_numbers.map(ipaddress.IPv4Address), v6_numbers.map(ipaddress.IPv6Address))


@given(networks_of_both, st.lists(addresses, max_size=20))
@example([], [ipaddress.ip_address("0.0.0.0"), ipaddress.ip_address("::")])
@example([ipaddress.ip_network("0.0.0.0/0")], [ipaddress.ip_address("::1")])
@example([ipaddress.ip_network("::/0")], [ipaddress.ip_address("10.0.0.1")])
def test_has_what_python_says_it_has(networks, others):
    found = ip_set(networks)
    for address in [*probes(networks), *others]:
        assert found.has(packed(address)) == in_any(address, networks), address


@given(networks_of_both)
@example([ipaddress.ip_network("10.0.0.1/32"), ipaddress.ip_network("10.0.0.2/31")])        # side by side, yet no network
@example([ipaddress.ip_network("2001:db8::1/128"), ipaddress.ip_network("2001:db8::2/127")])
@example([ipaddress.ip_network("::/64"), ipaddress.ip_network("0:0:0:1::/64"), ipaddress.ip_network("0:0:0:2::/128")])
def test_is_no_larger_than_it_must_be(networks):
    """As many edges as the joined networks have; an end of all addresses is none."""
    expected = {4: 0, 6: 0}
    for version in (4, 6):
        after = None
        for network in ipaddress.collapse_addresses(each for each in networks if each.version == version):
            expected[version] += 2 * (int(network.network_address) != after)
            after = int(network.broadcast_address) + 1
        expected[version] -= after == LAST[version] + 1
    assert ip_set(networks).edges == (expected[4], expected[6])


@given(networks_of_both, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(networks, pick):
    shuffled = [*networks, *networks]
    pick.shuffle(shuffled)
    one, other = ip_set(networks), ip_set(shuffled)
    assert one.edges == other.edges
    assert all(one.has(packed(address)) == other.has(packed(address)) for address in probes(networks))


def test_bits_of_the_host_do_not_matter():
    found = door.IpSet([(packed(ipaddress.ip_address("10.1.2.3")), 104), (packed(ipaddress.ip_address("2001:db8::7")), 32)])
    assert found.has(packed(ipaddress.ip_address("10.255.0.1"))) and not found.has(packed(ipaddress.ip_address("11.1.2.3")))
    assert found.has(packed(ipaddress.ip_address("2001:db8:ffff::"))) and not found.has(packed(ipaddress.ip_address("2001:db9::")))


def test_families_are_apart():
    ipv4, ipv6 = packed(ipaddress.ip_address("192.0.2.1")), packed(ipaddress.ip_address("2001:db8::1"))
    of_v6, of_v4 = ip_set([ipaddress.ip_network("::/0")]), ip_set([ipaddress.ip_network("0.0.0.0/0")])
    assert (of_v6.has(ipv6), of_v6.has(ipv4), of_v4.has(ipv6), of_v4.has(ipv4)) == (True, False, False, True)


def test_a_mapped_network_is_one_of_ipv4():
    found = door.IpSet([(MAPPED + bytes([10, 0, 0, 0]), 104)])
    assert found.has(MAPPED + bytes([10, 1, 1, 1])) and not found.has(MAPPED + bytes([11, 1, 1, 1]))
    assert not door.IpSet([(MAPPED + bytes(4), 95)]).has(MAPPED + bytes(4))       # larger than IPv4 is: IPv6


def test_more_bits_than_an_address_has_are_refused():
    with pytest.raises(ValueError):
        door.IpSet([(bytes(16), 129)])


def test_thousands_of_networks():
    pick = random.Random(5)
    v4 = {ipaddress.ip_network((pick.getrandbits(32), pick.randint(20, 32)), strict=False) for _ in range(5000)}
    v6 = {ipaddress.ip_network((pick.getrandbits(125) | 1 << 125, pick.randint(24, 64)), strict=False) for _ in range(5000)}
    networks = [*v4, *v6]
    pick.shuffle(networks)
    found = ip_set(networks)
    joined = {version: list(ipaddress.collapse_addresses(each)) for version, each in ((4, v4), (6, v6))}
    for address in pick.sample([*probes(networks)], 400):
        assert found.has(packed(address)) == in_any(address, joined[address.version]), address
    assert found.bytes < 10_000 * 41

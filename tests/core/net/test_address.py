"""`_core/net/address.pyx` against `ipaddress`."""

import ipaddress
import socket
import struct

import pytest
from fastgate_doors import net_door as door
from hypothesis import example, given
from hypothesis import strategies as st

MAPPED = bytes(10) + b"\xff\xff"
v4 = st.ip_addresses(v=4)
v6 = st.one_of(st.ip_addresses(v=6), st.binary(min_size=16, max_size=16).map(ipaddress.IPv6Address),
               st.lists(st.sampled_from([0, 0, 0, 1, 0xFFFF, 0xABC]), min_size=8, max_size=8).map(
                   lambda groups: ipaddress.IPv6Address(struct.pack("!8H", *groups))))


def packed(address) -> bytes:
    return MAPPED + address.packed if address.version == 4 else address.packed


def as_v4_or_v6(sixteen: bytes):
    return ipaddress.ip_address(sixteen[12:] if sixteen[:12] == MAPPED else sixteen)


# ---- text

@given(v4)
def test_v4_is_written_as_python_writes_it(address):
    assert door.format_address(packed(address)) == str(address).encode()


@given(v6)
@example(ipaddress.IPv6Address("::"))
@example(ipaddress.IPv6Address("::1"))
@example(ipaddress.IPv6Address("f" * 4 + ":ffff" * 7))
def test_v6_is_written_as_the_system_writes_it_and_reads_back(address):
    text = door.format_address(packed(address))
    if packed(address)[:12] == MAPPED:
        assert text == str(ipaddress.IPv4Address(address.packed[12:])).encode()
    else:
        assert text == socket.inet_ntop(socket.AF_INET6, address.packed).encode()
    assert door.parse_address(text) == packed(address)


def test_unix_peers_have_one_name():
    assert door.format_address(bytes(16), is_unix=True) == b"unix:"


def test_longest_text_is_read():
    text = b"1111:2222:3333:4444:5555:6666:111.222.133.144"
    assert len(text) == 45
    assert door.parse_address(text) == packed(ipaddress.IPv6Address(text.decode()))
    assert door.parse_address(text + b"1") is None


@given(st.one_of(st.text("0123456789abcdefF:.", max_size=50), v4.map(str), v6.map(str), v6.map(lambda a: a.exploded)))
def test_reads_what_python_reads(text):
    try:
        expected = packed(ipaddress.ip_address(text))
    except ValueError:
        expected = None
    assert door.parse_address(text.encode()) == expected


@pytest.mark.parametrize("text", [
    b"", b" 1.2.3.4", b"1.2.3.4 ", b"1.2.3.4:80", b"[::1]", b"fe80::1%eth0", b"01.2.3.4", b"1.2.3", b"0x1.2.3.4", b"1.2.3.4\0",
    b"1.2.3.4\0.evil", b"::1\0", b"\0", b"unix:", b"localhost",
])
def test_refuses(text):
    assert door.parse_address(text) is None


# ---- from sockets

@given(v4, st.integers(0, 65535))
def test_v4_of_a_socket(address, port):
    raw = struct.pack("=H", socket.AF_INET) + struct.pack("!H", port) + address.packed + bytes(8)
    assert door.address_of_socket(raw) == (packed(address), port, False)


@given(v6, st.integers(0, 65535))
def test_v6_of_a_socket(address, port):
    raw = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", port, 0) + address.packed + bytes(4)
    assert door.address_of_socket(raw) == (address.packed, port, False)


def test_unix_peer_of_a_socket():
    assert door.address_of_socket(struct.pack("=H", socket.AF_UNIX) + bytes(110)) == (bytes(16), 0, True)


# ---- networks

@st.composite
def networks(draw):
    """A network and an address that shares some of its bits."""
    address = draw(st.one_of(v4, v6))
    length = draw(st.integers(0, address.max_prefixlen))
    network = ipaddress.ip_network((address, length), strict=False)
    flipped = draw(st.one_of(st.none(), st.integers(0, address.max_prefixlen - 1)))
    other = draw(st.one_of(v4, v6))
    near = type(address)(int(address) ^ (0 if flipped is None else 1 << flipped))
    return network, draw(st.sampled_from([near, near, other]))


@given(networks())
def test_contains_what_python_says_it_contains(case):
    network, address = case
    bits = network.prefixlen + (96 if network.version == 4 else 0)
    wide = ipaddress.ip_network((packed(network.network_address), bits))    # in the 128-bit form
    assert door.contains(packed(network.network_address), bits, packed(address)) == (
        ipaddress.IPv6Address(packed(address)) in wide
    )


def test_host_bits_of_the_network_do_not_matter():
    network = packed(ipaddress.ip_address("10.1.2.3"))
    assert door.contains(network, 104, packed(ipaddress.ip_address("10.9.9.9")))
    assert not door.contains(network, 104, packed(ipaddress.ip_address("11.1.2.3")))


def test_unix_peers_belong_to_unix_only():
    everything, address = bytes(16), bytes(16)
    assert door.contains(everything, 0, address)
    assert not door.contains(everything, 0, address, is_unix=True)
    assert door.contains(everything, 0, address, is_unix=True, trusts_unix=True)
    assert not door.contains(everything, 0, address, trusts_unix=True)

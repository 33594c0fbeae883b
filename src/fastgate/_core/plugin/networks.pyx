"""Reading networks: the configuration has checked them."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcpy

from fastgate._core.auth.ip_set cimport ip_network_t, ip_set_build
from fastgate._core.base.status cimport OK
from fastgate._core.net.address cimport address_parse, address_t


cdef enum:
    MAPPED_BITS = 96            # an IPv4 address is the last 32 of 128 bits


cdef int put_networks(ip_set_t *set, arena_t *arena, list texts) except -1:
    cdef bytearray room = bytearray(len(texts) * sizeof(ip_network_t))
    cdef ip_network_t *networks = <ip_network_t *><char *>room
    cdef uint32_t n = 0
    cdef address_t address
    cdef bytes raw
    for text in texts:
        host, _, bits = text.partition("/")
        raw = host.encode()
        if not address_parse(<const char *>raw, <size_t>len(raw), &address):
            raise ValueError(f"{text} is no network")
        memcpy(networks[n].bytes, address.bytes, 16)
        is_v4 = ":" not in host
        networks[n].bits = <uint8_t>(int(bits) + (MAPPED_BITS if is_v4 else 0) if bits else 128)
        n += 1
    if ip_set_build(set, arena, networks, n) != OK:
        raise MemoryError("no memory for the configuration")
    return 0

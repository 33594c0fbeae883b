"""Client addresses: text forms and CIDR matching, IPv4 and IPv6."""

from libc.stdint cimport uint8_t, uint16_t

from fastgate._core.includes.socket cimport sockaddr


cdef enum:
    ADDRESS_TEXT_BYTES = 46     # INET6_ADDRSTRLEN


cdef struct address_t:
    # A value: copied around freely. IPv4 is held as ::ffff:a.b.c.d; a Unix peer as all zeros.
    uint8_t bytes[16]
    uint16_t port
    uint8_t is_unix


cdef struct cidr_t:
    # A value; `bits` counts from the 128-bit form (IPv4 /8 is 104).
    uint8_t bytes[16]
    uint8_t bits
    uint8_t is_unix             # trusts every peer on a Unix socket instead


cdef address_t address_of(const sockaddr *from_socket) noexcept nogil
cdef address_t address_of_local(int fd) noexcept nogil     # a socket's own; is_unix: it has none
cdef size_t address_format(const address_t *address, char *room) noexcept nogil    # ADDRESS_TEXT_BYTES of room
cdef bint address_parse(const char *text, size_t len, address_t *address_out) noexcept nogil   # without port or brackets
cdef bint cidr_contains(const cidr_t *cidr, const address_t *address) noexcept nogil

"""Client addresses: from sockets, from text, to text, and against networks."""

from libc.stdint cimport uint8_t
from libc.string cimport memchr, memcmp, memcpy, memset

from fastgate._core.includes.socket cimport AF_INET, AF_INET6, AF_UNIX, getsockname, ntohs, sockaddr, sockaddr_in, sockaddr_in6, socklen_t


cdef extern from "<arpa/inet.h>" nogil:
    const char *inet_ntop(int family, const void *address, char *room, unsigned int size)
    int inet_pton(int family, const char *text, void *address_out)


cdef bint _is_mapped_ipv4(const uint8_t *bytes) noexcept nogil:
    cdef unsigned i
    for i in range(10):
        if bytes[i]:
            return False
    return bytes[10] == 0xFF and bytes[11] == 0xFF


cdef void _map_ipv4(uint8_t *bytes, const void *four) noexcept nogil:
    memset(bytes, 0, 10)
    bytes[10] = 0xFF
    bytes[11] = 0xFF
    memcpy(bytes + 12, four, 4)


cdef address_t address_of(const sockaddr *from_socket) noexcept nogil:
    cdef address_t address
    memset(&address, 0, sizeof(address))
    if from_socket.sa_family == AF_INET:
        _map_ipv4(address.bytes, &(<const sockaddr_in *>from_socket).sin_addr)
        address.port = ntohs((<const sockaddr_in *>from_socket).sin_port)
    elif from_socket.sa_family == AF_INET6:
        memcpy(address.bytes, &(<const sockaddr_in6 *>from_socket).sin6_addr, 16)
        address.port = ntohs((<const sockaddr_in6 *>from_socket).sin6_port)
    else:
        address.is_unix = True
    return address


cdef address_t address_of_local(int fd) noexcept nogil:
    cdef sockaddr_in6 room      # the largest that is looked at; a Unix path is cut off
    cdef socklen_t len = sizeof(room)
    memset(&room, 0, sizeof(room))
    if getsockname(fd, <sockaddr *>&room, &len) != 0:
        room.sin6_family = AF_UNIX
    return address_of(<const sockaddr *>&room)


cdef size_t _put_byte(char *room, unsigned value) noexcept nogil:
    cdef size_t n = 0
    if value >= 100:
        room[n] = <char>(48 + value // 100)
        n += 1
    if value >= 10:
        room[n] = <char>(48 + value // 10 % 10)
        n += 1
    room[n] = <char>(48 + value % 10)
    return n + 1


cdef size_t address_format(const address_t *address, char *room) noexcept nogil:
    cdef size_t n = 0
    cdef unsigned i
    if address.is_unix:
        memcpy(room, b"unix:", 5)
        return 5
    if _is_mapped_ipv4(address.bytes):
        # Once per request: by hand, an order of magnitude faster than inet_ntop.
        for i in range(12, 16):
            if i > 12:
                room[n] = c'.'
                n += 1
            n += _put_byte(room + n, address.bytes[i])
        return n
    inet_ntop(AF_INET6, address.bytes, room, ADDRESS_TEXT_BYTES)
    while n < ADDRESS_TEXT_BYTES and room[n] != 0:
        n += 1
    return n


cdef bint address_parse(const char *text, size_t len, address_t *address_out) noexcept nogil:
    cdef char copy[ADDRESS_TEXT_BYTES]
    cdef uint8_t four[4]
    memset(address_out, 0, sizeof(address_t))
    if len == 0 or len >= ADDRESS_TEXT_BYTES or memchr(text, 0, len) != NULL:
        return False            # inet_pton would stop reading at a NUL
    memcpy(copy, text, len)
    copy[len] = 0
    if inet_pton(AF_INET, copy, four) == 1:
        _map_ipv4(address_out.bytes, four)
        return True
    return inet_pton(AF_INET6, copy, address_out.bytes) == 1


cdef bint cidr_contains(const cidr_t *cidr, const address_t *address) noexcept nogil:
    cdef unsigned whole = cidr.bits // 8
    cdef unsigned rest = cidr.bits % 8
    if address.is_unix or cidr.is_unix:
        return address.is_unix and cidr.is_unix
    if memcmp(cidr.bytes, address.bytes, whole) != 0:
        return False
    return rest == 0 or (cidr.bytes[whole] ^ address.bytes[whole]) >> (8 - rest) == 0

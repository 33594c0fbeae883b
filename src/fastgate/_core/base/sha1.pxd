"""SHA-1 (FIPS 180-4), where others chose it: the WebSocket handshake, and Kong's stored passwords."""


cdef enum:
    SHA1_BYTES = 20


cdef void sha1(const void *data, size_t len, unsigned char *digest_out) noexcept nogil

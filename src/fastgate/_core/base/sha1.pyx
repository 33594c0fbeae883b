"""SHA-1 in one go over bytes in memory (FIPS 180-4 section 6.1)."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset


cdef enum:
    BLOCK_BYTES = 64


cdef inline uint32_t _rotate(uint32_t x, unsigned n) noexcept nogil:
    return (x << n) | (x >> (32 - n))


cdef void _block(uint32_t *state, const uint8_t *block) noexcept nogil:
    cdef uint32_t words[80]
    cdef uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4]
    cdef uint32_t f, k, next
    cdef unsigned i
    for i in range(16):
        words[i] = (
            <uint32_t>block[4 * i] << 24 | <uint32_t>block[4 * i + 1] << 16
            | <uint32_t>block[4 * i + 2] << 8 | <uint32_t>block[4 * i + 3]
        )
    for i in range(16, 80):
        words[i] = _rotate(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)
    for i in range(80):
        if i < 20:
            f = (b & c) | (~b & d)
            k = 0x5A827999
        elif i < 40:
            f = b ^ c ^ d
            k = 0x6ED9EBA1
        elif i < 60:
            f = (b & c) | (b & d) | (c & d)
            k = 0x8F1BBCDC
        else:
            f = b ^ c ^ d
            k = 0xCA62C1D6
        next = _rotate(a, 5) + f + e + k + words[i]
        e = d
        d = c
        c = _rotate(b, 30)
        b = a
        a = next
    state[0] += a
    state[1] += b
    state[2] += c
    state[3] += d
    state[4] += e


cdef void sha1(const void *data, size_t len, unsigned char *digest_out) noexcept nogil:
    cdef uint32_t state[5]
    cdef uint8_t tail[2 * BLOCK_BYTES]
    cdef const uint8_t *at = <const uint8_t *>data
    cdef size_t rest = len, tail_len
    cdef uint64_t bits = <uint64_t>len * 8
    cdef unsigned i
    state[0] = 0x67452301
    state[1] = 0xEFCDAB89
    state[2] = 0x98BADCFE
    state[3] = 0x10325476
    state[4] = 0xC3D2E1F0
    while rest >= BLOCK_BYTES:
        _block(state, at)
        at += BLOCK_BYTES
        rest -= BLOCK_BYTES
    memset(tail, 0, sizeof(tail))
    memcpy(tail, at, rest)
    tail[rest] = 0x80
    tail_len = BLOCK_BYTES if rest < BLOCK_BYTES - 8 else 2 * BLOCK_BYTES
    for i in range(8):
        tail[tail_len - 1 - i] = <uint8_t>(bits >> (8 * i))
    _block(state, tail)
    if tail_len > BLOCK_BYTES:
        _block(state, tail + BLOCK_BYTES)
    for i in range(5):
        digest_out[4 * i] = <unsigned char>(state[i] >> 24)
        digest_out[4 * i + 1] = <unsigned char>(state[i] >> 16)
        digest_out[4 * i + 2] = <unsigned char>(state[i] >> 8)
        digest_out[4 * i + 3] = <unsigned char>state[i]

"""SipHash-1-3 (Aumasson, Bernstein 2012), inline: a keyed hash for tables whose keys others choose.

`base/hash.pxd` is faster, but has pairs of 16 bytes that collide under every seed: whoever may choose
keys turns a table of it into a list. Here, who does not know the key finds none.
"""

from libc.stdint cimport uint64_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_SIPHASH
    #define FASTGATE_SIPHASH
    #include <stdint.h>
    #include <string.h>
    #define FG_SIP_ROTATE(x, n) ((x) << (n) | (x) >> (64 - (n)))
    #define FG_SIP_ROUND \\
        a += b; b = FG_SIP_ROTATE(b, 13) ^ a; a = FG_SIP_ROTATE(a, 32); \\
        c += d; d = FG_SIP_ROTATE(d, 16) ^ c; \\
        a += d; d = FG_SIP_ROTATE(d, 21) ^ a; \\
        c += b; b = FG_SIP_ROTATE(b, 17) ^ c; c = FG_SIP_ROTATE(c, 32)
    /* The first half is returned; without `second` the variant of 64 bits is. */
    static inline __attribute__((always_inline)) uint64_t fg_siphash_both(
        const void *data, size_t n, uint64_t key_0, uint64_t key_1, uint64_t *second)
    {
        const unsigned char *p = (const unsigned char *)data, *end = p + (n & ~(size_t)7);
        uint64_t a = key_0 ^ UINT64_C(0x736f6d6570736575), b = key_1 ^ UINT64_C(0x646f72616e646f6d) ^ (second ? 0xee : 0);
        uint64_t first, c = key_0 ^ UINT64_C(0x6c7967656e657261), d = key_1 ^ UINT64_C(0x7465646279746573);
        uint64_t w, last = (uint64_t)n << 56;
        unsigned rest = (unsigned)(n & 7), i;
        for (; p != end; p += 8) { memcpy(&w, p, 8); d ^= w; FG_SIP_ROUND; a ^= w; }
        if (rest && n > 8) {    /* the last eight bytes, less those already taken */
            memcpy(&w, p + rest - 8, 8);
            last |= w >> (64 - 8 * rest);
        } else for (i = 0; i < rest; i++) last |= (uint64_t)p[i] << (8 * i);
        d ^= last; FG_SIP_ROUND; a ^= last;
        c ^= second ? 0xee : 0xff; FG_SIP_ROUND; FG_SIP_ROUND; FG_SIP_ROUND;
        first = a ^ b ^ c ^ d;
        if (second) { b ^= 0xdd; FG_SIP_ROUND; FG_SIP_ROUND; FG_SIP_ROUND; *second = a ^ b ^ c ^ d; }
        return first;
    }
    static inline uint64_t fg_siphash(const void *data, size_t n, uint64_t key_0, uint64_t key_1)
    { return fg_siphash_both(data, n, key_0, key_1, NULL); }
    static inline uint64_t fg_siphash_two(const void *data, size_t n, uint64_t key_0, uint64_t key_1, uint64_t *second)
    { return fg_siphash_both(data, n, key_0, key_1, second); }
    #endif
    """
    uint64_t siphash "fg_siphash"(const void *data, size_t n, uint64_t key_0, uint64_t key_1)
    # SipHash-1-3 with 128 bits of result, for little more: two numbers that have nothing to do with each other.
    uint64_t siphash_two "fg_siphash_two"(const void *data, size_t n, uint64_t key_0, uint64_t key_1, uint64_t *second)

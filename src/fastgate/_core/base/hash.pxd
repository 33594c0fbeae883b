"""Two hashes over bytes, the same on every architecture.

With seed 0 `hash_bytes` is stable: the consistent-hash ring of every node agrees. No seed guards a table
against chosen keys: there are keys that collide under all of them. `siphash.pxd` is for that.
"""

from libc.stdint cimport uint64_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_HASH
    #define FASTGATE_HASH
    #include <stdint.h>
    #include <string.h>
    static inline uint64_t fg_mix(uint64_t x)
    {   /* finaliser of splitmix64 (Steele, Lea, Flood 2014) */
        x ^= x >> 30; x *= UINT64_C(0xbf58476d1ce4e5b9);
        x ^= x >> 27; x *= UINT64_C(0x94d049bb133111eb);
        return x ^ (x >> 31);
    }
    static inline uint64_t fg_hash(const void *data, size_t n, uint64_t seed)
    {
        const unsigned char *p = (const unsigned char *)data;
        uint64_t h = fg_mix(seed + UINT64_C(0x9e3779b97f4a7c15) * (n + 1)), w;
        while (n >= 8) { memcpy(&w, p, 8); h = (h ^ w) * UINT64_C(0xff51afd7ed558ccd); h ^= h >> 32; p += 8; n -= 8; }
        if (n) { w = 0; memcpy(&w, p, n); h = (h ^ w) * UINT64_C(0xff51afd7ed558ccd); h ^= h >> 32; }
        return fg_mix(h);
    }
    #endif
    """
    uint64_t hash_mix "fg_mix"(uint64_t x)
    uint64_t hash_bytes "fg_hash"(const void *data, size_t n, uint64_t seed)

"""Equality that takes as long whatever the bytes are: for secrets, digests and signatures."""

from fastgate._core.base.span cimport span_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_SECRET
    #define FASTGATE_SECRET
    #include <stdint.h>
    #include <string.h>
    static inline int fg_secret_eq(const void *a, const void *b, size_t n)
    {
        const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
        uint64_t differs = 0, v, w;
        while (n >= 8) { memcpy(&v, p, 8); memcpy(&w, q, 8); differs |= v ^ w; p += 8; q += 8; n -= 8; }
        while (n) { differs |= (uint64_t)(*p++ ^ *q++); n--; }
        __asm__ volatile("" : "+r"(differs));       /* the compiler may not leave early */
        return differs == 0;
    }
    #endif
    """
    bint secret_bytes_eq "fg_secret_eq"(const void *a, const void *b, size_t n)


cdef inline bint secret_eq(span_t a, span_t b) noexcept nogil:
    """Lengths are no secret: they are told by the algorithm, or seen on the wire."""
    return a.len == b.len and (a.len == 0 or secret_bytes_eq(a.at, b.at, a.len))

"""Comparing secrets in a time that does not tell where they differ."""

from fastgate._core.base.span cimport span_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_SECRET
    #define FASTGATE_SECRET
    #include <stdint.h>
    #include <string.h>
    static inline int fg_secret_equal(const void *a, const void *b, size_t len)
    {
        const unsigned char *p = (const unsigned char *)a, *q = (const unsigned char *)b;
        uint64_t x, y, unlike = 0;
        uint32_t folded;
        size_t i;
        if (len >= 8) {
            for (i = 0; ; i += 8) {
                if (i + 8 > len) i = len - 8;   /* the last eight may be some of those before */
                memcpy(&x, p + i, 8);
                memcpy(&y, q + i, 8);
                unlike |= x ^ y;
                __asm__ volatile ("" : "+r" (unlike));  /* the compiler may not know it, so not leave early */
                if (i + 8 == len) break;
            }
            len = 0;
        }
        folded = (uint32_t)(unlike | unlike >> 32);
        for (; len; len--, p++, q++) {
            folded |= (uint32_t)(*p ^ *q);
            __asm__ volatile ("" : "+r" (folded));
        }
        return folded == 0;
    }
    #endif
    """
    # Whether `len` bytes at both are the same. That two secrets differ in length is the caller's to see, and no secret.
    bint secret_equal "fg_secret_equal"(const void *a, const void *b, size_t len)


cdef inline bint secret_eq(span_t a, span_t b) noexcept nogil:
    return a.len == b.len and secret_equal(a.at, b.at, a.len)

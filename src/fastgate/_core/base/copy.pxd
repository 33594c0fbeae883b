"""Copying a few bytes in line: names and values of header fields are too short for a call of memcpy."""

from libc.stddef cimport size_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_COPY
    #define FASTGATE_COPY
    #include <stdint.h>
    #include <string.h>
    /* Each length is two copies of one fixed size that may overlap; `at` may be NULL when n is 0. */
    static inline void fg_copy(char *out, const char *at, size_t n)
    {
        if (n > 32) memcpy(out, at, n);
        else if (n >= 16) { char a[16], b[16]; memcpy(a, at, 16); memcpy(b, at + n - 16, 16); memcpy(out, a, 16); memcpy(out + n - 16, b, 16); }
        else if (n >= 8) { uint64_t a, b; memcpy(&a, at, 8); memcpy(&b, at + n - 8, 8); memcpy(out, &a, 8); memcpy(out + n - 8, &b, 8); }
        else if (n >= 4) { uint32_t a, b; memcpy(&a, at, 4); memcpy(&b, at + n - 4, 4); memcpy(out, &a, 4); memcpy(out + n - 4, &b, 4); }
        else if (n) { char a = at[0], b = at[n / 2], c = at[n - 1]; out[0] = a; out[n / 2] = b; out[n - 1] = c; }
    }
    #endif
    """
    void copy_bytes "fg_copy"(char *out, const char *at, size_t n)

"""The few atomic operations the core uses, over the compiler's __atomic builtins.

Fields are plain integers or pointers, naturally aligned. 64-bit operations are
lock-free on every target (ldrexd/strexd on armv7-a).
"""

from libc.stdint cimport int32_t, uint32_t, uint64_t


cdef extern from * nogil:
    """
    #ifndef FASTGATE_ATOMICS
    #define FASTGATE_ATOMICS
    #include <stdint.h>
    #define fg_load_relaxed(p)      __atomic_load_n((p), __ATOMIC_RELAXED)
    #define fg_load_acquire(p)      __atomic_load_n((p), __ATOMIC_ACQUIRE)
    #define fg_store_relaxed(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELAXED)
    #define fg_store_release(p, v)  __atomic_store_n((p), (v), __ATOMIC_RELEASE)
    /* Sequentially consistent: for "store mine, then look at yours" on both sides. */
    #define fg_load_ordered(p)      __atomic_load_n((p), __ATOMIC_SEQ_CST)
    #define fg_store_ordered(p, v)  __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
    #define fg_add_relaxed(p, v)    __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
    #define fg_add_acq_rel(p, v)    __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
    #define fg_exchange(p, v)       __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
    /* A counter with one writer: a plain add, published so that readers never tear. */
    #define fg_own_add(p, v)        __atomic_store_n((p), __atomic_load_n((p), __ATOMIC_RELAXED) + (v), __ATOMIC_RELAXED)
    static inline int fg_cas_ptr(void **p, void *expected, void *desired)
    { return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE); }
    static inline int fg_cas_u64(uint64_t *p, uint64_t expected, uint64_t desired)
    { return __atomic_compare_exchange_n(p, &expected, desired, 0, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE); }
    #endif
    """
    int32_t atomic_load_i32 "fg_load_relaxed"(int32_t *p)
    uint32_t atomic_load_u32 "fg_load_relaxed"(uint32_t *p)
    uint64_t atomic_load_u64 "fg_load_relaxed"(uint64_t *p)
    uint32_t atomic_load_u32_acquire "fg_load_acquire"(uint32_t *p)
    uint64_t atomic_load_u64_acquire "fg_load_acquire"(uint64_t *p)
    void *atomic_load_ptr "fg_load_acquire"(void **p)
    void atomic_store_u32 "fg_store_relaxed"(uint32_t *p, uint32_t v)
    void atomic_store_u64 "fg_store_relaxed"(uint64_t *p, uint64_t v)
    void atomic_store_u32_release "fg_store_release"(uint32_t *p, uint32_t v)
    void atomic_store_u64_release "fg_store_release"(uint64_t *p, uint64_t v)
    void atomic_store_ptr "fg_store_release"(void **p, void *v)
    void atomic_store_u32_ordered "fg_store_ordered"(uint32_t *p, uint32_t v)
    uint64_t atomic_load_u64_ordered "fg_load_ordered"(uint64_t *p)
    void atomic_store_u64_ordered "fg_store_ordered"(uint64_t *p, uint64_t v)
    int32_t atomic_add_i32 "fg_add_relaxed"(int32_t *p, int32_t v)      # the value before
    uint32_t atomic_add_u32 "fg_add_relaxed"(uint32_t *p, uint32_t v)   # the value before
    uint64_t atomic_add_u64 "fg_add_relaxed"(uint64_t *p, uint64_t v)   # the value before
    uint32_t atomic_add_u32_acq_rel "fg_add_acq_rel"(uint32_t *p, uint32_t v)
    uint32_t atomic_exchange_u32 "fg_exchange"(uint32_t *p, uint32_t v)
    void *atomic_exchange_ptr "fg_exchange"(void **p, void *v)
    bint atomic_cas_ptr "fg_cas_ptr"(void **p, void *expected, void *desired)
    bint atomic_cas_u64 "fg_cas_u64"(uint64_t *p, uint64_t expected, uint64_t desired)
    void own_add_u64 "fg_own_add"(uint64_t *p, uint64_t v)              # one writer only
    void own_add_u32 "fg_own_add"(uint32_t *p, uint32_t v)              # one writer only

"""Verdicts on tokens, kept for all reactors: least recently used out, accepted and refused counted apart.

A token is found by its hash and then compared whole, in constant time, with the scope it was judged under: a hash
alone never lets anybody in. Refused tokens have a room of their own, a quarter of the other's, so that a flood of
forged ones pushes out none that was verified.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.spinlock cimport spinlock_t


cdef enum:
    TOKEN_CACHE_MAX_TOKEN = 4096        # bytes; longer ones are not kept
    TOKEN_CACHE_SCOPE_BYTES = 32


cdef struct token_verdict_t:
    # A value: what was found about a token.
    int64_t from_ms                     # wall time; before it the verdict does not hold: clocks are set back
    int64_t until_ms                    # from then on it is forgotten
    uint64_t value                      # the caller's: which credential
    uint32_t refusal                    # the caller's reason; 0: accepted


cdef struct token_entry_t:
    # Owned by its shard, from put to eviction; touched under the shard's lock only. The token's bytes follow it.
    token_entry_t *chain                # the next one in its bucket
    token_entry_t *newer
    token_entry_t *older
    uint64_t hash
    token_verdict_t verdict
    uint8_t scope[TOKEN_CACHE_SCOPE_BYTES]
    uint32_t len


cdef struct token_list_t:
    # Part of a shard: its accepted entries, or its refused ones, by last use. Touched under the shard's lock only.
    token_entry_t *newest
    token_entry_t *oldest
    uint32_t n
    uint32_t most


cdef struct token_shard_t:
    # Part of a token_cache_t, on cache lines of its own. Any thread.
    # read-only after build
    token_entry_t **buckets
    uint64_t mask
    # shared: under the lock; the counters are stored atomically and may be read without it
    spinlock_t lock
    token_list_t lists[2]               # accepted, refused
    uint64_t hits
    uint64_t misses
    uint64_t evictions
    char padding[64]


cdef struct token_cache_t:
    # Owner: who called token_cache_new; outlives every snapshot that uses it. Dies in token_cache_free.
    # read-only after build, any thread
    token_shard_t *shards
    uint32_t n_shards                   # a power of two
    uint64_t seed[2]                    # secret


cdef struct token_cache_counts_t:
    # A value: what all shards have counted since the start, and hold now.
    uint64_t hits
    uint64_t misses                     # expired ones, and those whose time is to come, among them
    uint64_t evictions                  # pushed out by newer ones while they were still good
    uint64_t entries


# `capacity` accepted tokens and a quarter as many refused ones; `seed`: two random words. NULL: no memory.
cdef token_cache_t *token_cache_new(uint32_t capacity, const uint64_t *seed) noexcept nogil
cdef void token_cache_free(token_cache_t *cache) noexcept nogil

# `scope` tells what a verdict rests on, the plugin's configuration and its keys: TOKEN_CACHE_SCOPE_BYTES of a
# cryptographic digest. Under another scope the same token is another entry.
cdef bint token_cache_get(token_cache_t *cache, span_t token, const uint8_t *scope, int64_t now_ms, token_verdict_t *out) noexcept nogil
cdef void token_cache_put(token_cache_t *cache, span_t token, const uint8_t *scope, const token_verdict_t *verdict) noexcept nogil
cdef void token_cache_counts(token_cache_t *cache, token_cache_counts_t *out) noexcept nogil

"""The table: shards by hash, chains in buckets, two lists of use in each shard. What dies is freed unlocked."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastgate._core.auth.secret cimport secret_equal
from fastgate._core.base.atomics cimport atomic_load_u64, own_add_u64
from fastgate._core.base.memory cimport memory_admits, memory_give, memory_take
from fastgate._core.base.siphash cimport siphash
from fastgate._core.base.span cimport span_t
from fastgate._core.base.spinlock cimport spin_lock, spin_unlock


cdef enum:
    SHARDS = 8
    ENTRIES_WORTH_SHARDS = 256      # below, one shard: its order of use is then exact
    SHARD_BITS = 8                  # of the hash, not used again within a shard


cdef inline uint8_t *_bytes(token_entry_t *entry) noexcept nogil:
    return <uint8_t *>(entry + 1)


cdef inline token_list_t *_list(token_shard_t *shard, token_entry_t *entry) noexcept nogil:
    return &shard.lists[entry.verdict.refusal != 0]


cdef inline uint64_t _hash(const token_cache_t *cache, span_t token, const uint8_t *scope) noexcept nogil:
    """Keyed: clients choose the tokens, refused ones too, and could put all of them into one chain."""
    cdef uint64_t parts[2]
    memcpy(parts, scope, sizeof(parts))
    return siphash(token.at, token.len, cache.seed[0] ^ parts[0], cache.seed[1] ^ parts[1])


cdef inline token_shard_t *_shard(const token_cache_t *cache, uint64_t hash) noexcept nogil:
    return &cache.shards[hash & (cache.n_shards - 1)]


# ---- one shard, locked

cdef inline void _push_locked(token_list_t *list, token_entry_t *entry) noexcept nogil:
    entry.newer = NULL
    entry.older = list.newest
    if list.newest != NULL:
        list.newest.newer = entry
    else:
        list.oldest = entry
    list.newest = entry
    list.n += 1


cdef inline void _pull_locked(token_list_t *list, token_entry_t *entry) noexcept nogil:
    if entry.newer != NULL:
        entry.newer.older = entry.older
    else:
        list.newest = entry.older
    if entry.older != NULL:
        entry.older.newer = entry.newer
    else:
        list.oldest = entry.newer
    list.n -= 1


cdef token_entry_t *_find_locked(token_shard_t *shard, uint64_t hash, span_t token, const uint8_t *scope) noexcept nogil:
    cdef token_entry_t *entry = shard.buckets[hash >> SHARD_BITS & shard.mask]
    while entry != NULL:
        if (entry.hash == hash and entry.len == token.len and secret_equal(_bytes(entry), token.at, token.len)
                and secret_equal(entry.scope, scope, TOKEN_CACHE_SCOPE_BYTES)):
            return entry
        entry = entry.chain
    return NULL


cdef void _remove_locked(token_shard_t *shard, token_entry_t *entry) noexcept nogil:
    """Out of its bucket and its list. It is the caller's to free, after the lock."""
    cdef token_entry_t **link = &shard.buckets[entry.hash >> SHARD_BITS & shard.mask]
    while link[0] != entry:
        link = &link[0].chain
    link[0] = entry.chain
    _pull_locked(_list(shard, entry), entry)


# ---- the cache

cdef token_cache_t *token_cache_new(uint32_t capacity, const uint64_t *seed) noexcept nogil:
    cdef uint32_t n_shards = SHARDS if capacity >= ENTRIES_WORTH_SHARDS else 1
    cdef uint32_t most = (capacity + n_shards - 1) // n_shards
    cdef uint64_t n_buckets = 16
    cdef token_cache_t *cache = <token_cache_t *>calloc(1, sizeof(token_cache_t))
    cdef token_shard_t *shard
    cdef uint32_t i
    if cache == NULL:
        return NULL
    cache.n_shards = n_shards
    cache.seed[0] = seed[0]
    cache.seed[1] = seed[1]
    cache.shards = <token_shard_t *>calloc(n_shards, sizeof(token_shard_t))
    if cache.shards == NULL:
        free(cache)
        return NULL
    while n_buckets < 2 * <uint64_t>most:
        n_buckets *= 2
    for i in range(n_shards):
        shard = &cache.shards[i]
        shard.mask = n_buckets - 1
        shard.lists[0].most = most if most else 1
        shard.lists[1].most = most // 4 if most >= 4 else 1
        shard.buckets = <token_entry_t **>calloc(<size_t>n_buckets, sizeof(token_entry_t *))
        if shard.buckets == NULL:
            token_cache_free(cache)
            return NULL
    return cache


cdef void token_cache_free(token_cache_t *cache) noexcept nogil:
    cdef token_entry_t *entry
    cdef token_entry_t *older
    cdef uint32_t i
    cdef unsigned k
    if cache == NULL:
        return
    for i in range(cache.n_shards):
        for k in range(2):
            entry = cache.shards[i].lists[k].newest
            while entry != NULL:
                older = entry.older
                memory_give(entry)
                entry = older
        free(cache.shards[i].buckets)
    free(cache.shards)
    free(cache)


cdef bint token_cache_get(token_cache_t *cache, span_t token, const uint8_t *scope, int64_t now_ms, token_verdict_t *out) noexcept nogil:
    cdef uint64_t hash = _hash(cache, token, scope)
    cdef token_shard_t *shard = _shard(cache, hash)
    cdef token_entry_t *entry
    cdef token_entry_t *dead = NULL
    spin_lock(&shard.lock)
    entry = _find_locked(shard, hash, token, scope)
    if entry != NULL and now_ms >= entry.verdict.until_ms:
        _remove_locked(shard, entry)
        dead = entry
        entry = NULL
    if entry != NULL and now_ms < entry.verdict.from_ms:
        entry = NULL
    if entry != NULL:
        out[0] = entry.verdict
        if entry.newer != NULL:
            _pull_locked(_list(shard, entry), entry)
            _push_locked(_list(shard, entry), entry)
        own_add_u64(&shard.hits, 1)
    else:
        own_add_u64(&shard.misses, 1)
    spin_unlock(&shard.lock)
    memory_give(dead)
    return entry != NULL


cdef void token_cache_put(token_cache_t *cache, span_t token, const uint8_t *scope, const token_verdict_t *verdict) noexcept nogil:
    cdef uint64_t hash = _hash(cache, token, scope)
    cdef token_shard_t *shard = _shard(cache, hash)
    cdef token_entry_t *entry
    cdef token_entry_t *replaced
    cdef token_entry_t *evicted = NULL
    cdef token_list_t *list
    if token.len > TOKEN_CACHE_MAX_TOKEN:
        return
    entry = <token_entry_t *>memory_take(sizeof(token_entry_t) + token.len) if memory_admits() else NULL
    if entry == NULL:
        return                      # judged again next time
    entry.hash = hash
    entry.verdict = verdict[0]
    entry.len = <uint32_t>token.len
    memcpy(entry.scope, scope, TOKEN_CACHE_SCOPE_BYTES)
    memcpy(_bytes(entry), token.at, token.len)
    spin_lock(&shard.lock)
    replaced = _find_locked(shard, hash, token, scope)      # another reactor was as quick, or it is judged anew
    if replaced != NULL:
        _remove_locked(shard, replaced)
    list = _list(shard, entry)
    if list.n == list.most:
        evicted = list.oldest
        _remove_locked(shard, evicted)
        own_add_u64(&shard.evictions, 1)
    entry.chain = shard.buckets[hash >> SHARD_BITS & shard.mask]
    shard.buckets[hash >> SHARD_BITS & shard.mask] = entry
    _push_locked(list, entry)
    spin_unlock(&shard.lock)
    memory_give(replaced)
    memory_give(evicted)


cdef void token_cache_counts(token_cache_t *cache, token_cache_counts_t *out) noexcept nogil:
    cdef token_shard_t *shard
    cdef uint32_t i
    out.hits = 0
    out.misses = 0
    out.evictions = 0
    out.entries = 0
    for i in range(cache.n_shards):
        shard = &cache.shards[i]
        out.hits += atomic_load_u64(&shard.hits)
        out.misses += atomic_load_u64(&shard.misses)
        out.evictions += atomic_load_u64(&shard.evictions)
        spin_lock(&shard.lock)
        out.entries += shard.lists[0].n + shard.lists[1].n
        spin_unlock(&shard.lock)

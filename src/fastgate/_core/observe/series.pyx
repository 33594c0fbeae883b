"""Series: counting the requests of a (service, route) pair."""

from libc.stdlib cimport calloc, free

from fastgate._core.base.atomics cimport (
    atomic_add_u32, atomic_add_u32_acq_rel, atomic_store_ptr, atomic_store_u32_release,
    own_add_u64,
)
from fastgate._core.observe.histogram cimport histogram_add


cdef series_t *series_new(uint32_t n_reactors) noexcept nogil:
    cdef series_t *series
    if n_reactors == 0:
        return NULL
    series = <series_t *>calloc(1, sizeof(series_t) + (n_reactors - 1) * sizeof(void *))
    if series == NULL:
        return NULL
    series.n_reactors = n_reactors
    series.refs = 1
    return series


cdef void series_ref(series_t *series) noexcept nogil:
    atomic_add_u32(&series.refs, 1)


cdef void series_unref(series_t *series) noexcept nogil:
    cdef uint32_t i
    if atomic_add_u32_acq_rel(&series.refs, <uint32_t>-1) != 1:
        return
    for i in range(series.n_reactors):
        part_close(<series_part_t *>series.parts[i])
    free(series)


cdef void part_close(series_part_t *part) noexcept nogil:
    cdef code_block_t *block
    cdef code_block_t *next_block
    if part == NULL:
        return
    block = <code_block_t *>part.codes.next
    while block != NULL:
        next_block = <code_block_t *>block.next
        free(block)
        block = next_block
    free(part)


cdef void code_count(code_block_t *block, uint16_t status) noexcept nogil:
    """Adds one to the row of this status, making the row if there is none."""
    cdef uint32_t i
    cdef code_block_t *fresh
    while True:
        for i in range(block.n):
            if block.codes[i] == status:
                own_add_u64(&block.counts[i], 1)
                return
        if block.n < SERIES_BLOCK_CODES:
            block.codes[block.n] = status
            own_add_u64(&block.counts[block.n], 1)
            atomic_store_u32_release(&block.n, block.n + 1)
            return
        if block.next == NULL:
            fresh = <code_block_t *>calloc(1, sizeof(code_block_t))
            if fresh == NULL:
                return
            atomic_store_ptr(&block.next, fresh)
        block = <code_block_t *>block.next


cdef void series_count(series_t *series, uint32_t reactor, uint16_t status,
                       uint64_t bytes_in, uint64_t bytes_out,
                       uint64_t total_ns, uint64_t upstream_ns, uint64_t gateway_ns,
                       bint had_upstream) noexcept nogil:
    cdef series_part_t *part = <series_part_t *>series.parts[reactor]
    if part == NULL:
        part = <series_part_t *>calloc(1, sizeof(series_part_t))
        if part == NULL:
            return
        atomic_store_ptr(&series.parts[reactor], part)
    code_count(&part.codes, status)
    own_add_u64(&part.bytes_in, bytes_in)
    own_add_u64(&part.bytes_out, bytes_out)
    histogram_add(&part.total, total_ns)
    histogram_add(&part.gateway, gateway_ns)
    if had_upstream:
        histogram_add(&part.upstream, upstream_ns)

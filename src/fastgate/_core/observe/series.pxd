"""Counters of one (service, route) pair, in one part per reactor.

A part comes into being at the reactor's first request for the pair: ten thousand
routes cost a pointer per reactor each until somebody calls them.
"""

from libc.stdint cimport uint16_t, uint32_t, uint64_t

from fastgate._core.observe.histogram cimport histogram_t


cdef enum:
    SERIES_BLOCK_CODES = 8          # status codes in one block; more blocks follow as needed


cdef struct code_block_t:
    # Owner: the part it belongs to. Written by that part's reactor only, append-only:
    # a code is stored before `n` is (release), so readers never see half a row.
    uint32_t n                      # shared: atomic; rows in use
    uint16_t codes[SERIES_BLOCK_CODES]
    uint64_t counts[SERIES_BLOCK_CODES]     # shared: atomic
    void *next                      # shared: atomic; code_block_t, or NULL


cdef struct series_part_t:
    # Owner: its series. One writer, the reactor that made it; readers on the control
    # thread load each field relaxed. Dies with the series.
    uint64_t bytes_in
    uint64_t bytes_out
    histogram_t total               # client's first byte to the answer's last
    histogram_t upstream            # of requests that went to one
    histogram_t gateway             # total without what upstream and client took
    code_block_t codes


cdef struct series_t:
    # Owner: reference counted: one for the registry (bridge/series_registry), one for
    # each snapshot that names it. Lives over reloads as long as some snapshot has the
    # pair. Freed by whoever drops the last, on any thread.
    uint32_t n_reactors             # read-only after build
    uint32_t refs                   # shared: atomic
    void *parts[1]                  # shared: atomic; series_part_t or NULL, n_reactors of them,
                                    # each stored once by its own reactor


cdef series_t *series_new(uint32_t n_reactors) noexcept nogil          # refs 1; NULL: no memory
cdef void series_ref(series_t *series) noexcept nogil
cdef void series_unref(series_t *series) noexcept nogil

# Called by reactor `reactor` alone, at the end of a request, while its snapshot holds the
# series. Latencies in ns. Without memory for a first part the request is not counted.
cdef void series_count(series_t *series, uint32_t reactor, uint16_t status,
                       uint64_t bytes_in, uint64_t bytes_out,
                       uint64_t total_ns, uint64_t upstream_ns, uint64_t gateway_ns,
                       bint had_upstream) noexcept nogil

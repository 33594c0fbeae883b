"""The access log: rings for the reactors and the writer's wake-up."""

from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free

from fastgate._core.base.atomics cimport (
    atomic_exchange_u32, atomic_load_u32, own_add_u64,
)
from fastgate._core.observe.access_format cimport access_bound, access_format, access_format_t
from fastgate._core.observe.access_record cimport access_record_t
from fastgate._core.observe.counters cimport counters_t
from fastgate._core.observe.log_ring cimport (
    log_ring_close, log_ring_is_half_full, log_ring_open, log_ring_publish, log_ring_reserve,
    log_ring_t,
)


cdef extern from "<stdlib.h>" nogil:
    int posix_memalign(void **memory, size_t alignment, size_t size)


cdef extern from "<sys/eventfd.h>" nogil:
    enum:
        EFD_CLOEXEC
        EFD_NONBLOCK
    int eventfd(unsigned int initial, int flags)
    int eventfd_write(int fd, uint64_t value)


cdef extern from "<unistd.h>" nogil:
    int close(int fd)


cdef enum:
    CACHE_LINE = 64


cdef access_log_t *access_log_open(uint32_t n_rings, uint32_t ring_bytes, access_format_t format) noexcept nogil:
    cdef access_log_t *log = <access_log_t *>calloc(1, sizeof(access_log_t))
    cdef void *rings = NULL
    if log == NULL:
        return NULL
    log.fd = -1
    log.format = format
    log.ring_bytes = ring_bytes
    log.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
    if log.wake_fd >= 0 and posix_memalign(&rings, CACHE_LINE, n_rings * sizeof(log_ring_t)) == 0:
        log.rings = <log_ring_t *>rings
        while log.n_rings < n_rings and log_ring_open(&log.rings[log.n_rings], ring_bytes):
            log.n_rings += 1
        if log.n_rings == n_rings:
            return log
    access_log_close(log)
    return NULL


cdef void access_log_close(access_log_t *log) noexcept nogil:
    cdef uint32_t i
    for i in range(log.n_rings):
        log_ring_close(&log.rings[i])
    free(log.rings)
    if log.wake_fd >= 0:
        close(log.wake_fd)
    free(log)


cdef void access_log_wake(access_log_t *log) noexcept nogil:
    atomic_exchange_u32(&log.state, WRITER_AWAKE)
    eventfd_write(log.wake_fd, 1)


cdef void access_log_emit(access_log_t *log, uint32_t reactor, const access_record_t *record,
                          counters_t *counters) noexcept nogil:
    cdef log_ring_t *ring
    cdef char *out
    cdef uint32_t state
    if log == NULL:
        return
    ring = &log.rings[reactor]
    out = log_ring_reserve(ring, access_bound(record))
    if out == NULL:
        own_add_u64(&counters.log_dropped, 1)
        return
    log_ring_publish(ring, <uint32_t>access_format(out, record, log.format, &log.stamps[reactor]))
    # Without a barrier, which would wait here until the record's bytes have left the core: where
    # this look is too early, the writer finds the record at its second one (log_writer.rest).
    state = atomic_load_u32(&log.state)
    if state == WRITER_AWAKE or (state == WRITER_NAPPING and not log_ring_is_half_full(ring)):
        return
    if atomic_exchange_u32(&log.state, WRITER_AWAKE) != WRITER_AWAKE:
        eventfd_write(log.wake_fd, 1)

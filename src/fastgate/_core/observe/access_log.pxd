"""The access log as the reactors see it: format a record in place, tell the writer if it sleeps."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.observe.access_format cimport access_format_t
from fastgate._core.observe.access_record cimport access_record_t
from fastgate._core.observe.access_stamp cimport access_stamp_t
from fastgate._core.observe.counters cimport counters_t
from fastgate._core.observe.log_ring cimport log_ring_t


cdef enum writer_state_t:
    WRITER_AWAKE = 0
    WRITER_NAPPING              # wakes by itself soon; woken only for a ring half full
    WRITER_ASLEEP               # woken by any record


cdef enum:
    ACCESS_LOG_MAX_RINGS = 64


cdef struct access_log_t:
    # Owner: bridge/access_log.AccessLog, which outlives the reactors.
    # read-only after open
    log_ring_t *rings           # n_rings of them, one per reactor
    uint32_t n_rings            # at most ACCESS_LOG_MAX_RINGS
    uint32_t ring_bytes         # size of each
    access_format_t format
    int wake_fd                 # an eventfd
    # shared: atomic
    uint32_t state              # writer_state_t
    uint32_t is_reopening       # the path is to be opened again
    uint32_t is_closing         # write what is there, then end
    uint64_t close_by_ns        # clock_ns; stored before is_closing
    # shared: atomic, stored by the writer thread
    uint64_t lines_written
    uint64_t bytes_written
    uint64_t lines_dropped      # lost to failed writes; what found a ring full is in counters_t
    uint64_t errors             # failed writes
    # owner: each its own reactor
    access_stamp_t stamps[ACCESS_LOG_MAX_RINGS]
    # owner: the writer thread
    int fd
    bint is_file                # a regular file: written in large batches, never waited for
    bint is_torn                # the last line written lacks its end
    int last_error              # errno of a failure not told yet, 0: none
    uint64_t told_at_ns         # when a failure was last told


# NULL: no memory, or no descriptor left for the eventfd.
cdef access_log_t *access_log_open(uint32_t n_rings, uint32_t ring_bytes, access_format_t format) noexcept nogil
cdef void access_log_close(access_log_t *log) noexcept nogil

# At the end of an exchange, by reactor `reactor` alone. Never waits: with a full ring the
# record is dropped and counters.log_dropped goes up. `log` may be NULL: the log is off.
cdef void access_log_emit(access_log_t *log, uint32_t reactor, const access_record_t *record,
                          counters_t *counters) noexcept nogil
# Ends the writer's sleep, to see is_reopening or is_closing. Any thread.
cdef void access_log_wake(access_log_t *log) noexcept nogil

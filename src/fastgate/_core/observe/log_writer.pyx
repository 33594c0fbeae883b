"""Writes what the reactors put into their rings; the only one that ever waits for the disk.

A pass gathers the readable bytes of all rings into one batch and writes it whole. Between
passes the writer naps, so that lines gather, or sleeps when nothing comes. Regular files
get a batch in one writev. Pipes, terminals and sockets are asked by poll first and get at
most PIPE_BUF bytes at a time, cut after a line where possible: such a write does not
block, so that closing keeps its deadline, and lines of several processes do not mix.
"""

from libc.errno cimport EAGAIN, EINTR, EIO, errno
from libc.stdint cimport uint32_t, uint64_t
from libc.string cimport memchr

from fastgate._core.base.atomics cimport (
    atomic_exchange_u32, atomic_load_u32_acquire, atomic_load_u64, atomic_store_u32_ordered,
    own_add_u64,
)
from fastgate._core.base.clock cimport NS_PER_MS, clock_ns
from fastgate._core.base.span cimport span_t
from fastgate._core.observe.access_log cimport (
    WRITER_ASLEEP, WRITER_AWAKE, WRITER_NAPPING, access_log_t,
)
from fastgate._core.observe.log_ring cimport log_ring_peek, log_ring_skip


cdef extern from "<sys/uio.h>" nogil:
    struct iovec:
        void *iov_base
        size_t iov_len
    ssize_t writev(int fd, const iovec *parts, int n)


cdef extern from "<unistd.h>" nogil:
    ssize_t write(int fd, const void *at, size_t n)


cdef extern from "<sys/eventfd.h>" nogil:
    int eventfd_read(int fd, uint64_t *value)


cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events
        short revents
    enum:
        POLLIN
        POLLOUT
    int poll(pollfd *fds, unsigned long n, int timeout_ms)


cdef extern from * nogil:
    """
    #include <sys/stat.h>
    static int fg_is_regular(int fd)
    { struct stat about; return fstat(fd, &about) == 0 && S_ISREG(about.st_mode); }
    """
    bint is_regular "fg_is_regular"(int fd)


cdef enum:
    BATCH_PARTS = 65            # a ring of each reactor, and the end of a torn line
    PIECE_BYTES = 4096          # PIPE_BUF: what a pipe that polls writable takes at once
    NAP_MS = 20                 # lines gather for so long
    TELL_EVERY_MS = 60000       # failures are told once in this time
    NO_RING = 255               # beyond ACCESS_LOG_MAX_RINGS


cdef struct batch_t:
    # Owner: the writer's stack. Parts [next, n) are still to be written.
    int n
    int next
    iovec parts[BATCH_PARTS]
    uint32_t lines[BATCH_PARTS]     # that end in the part
    uint32_t rings[BATCH_PARTS]


cdef void log_writer_set_fd(access_log_t *log, int fd) noexcept nogil:
    log.fd = fd
    log.is_file = is_regular(fd)
    log.is_torn = False


cdef writer_need_t log_writer_run(access_log_t *log) noexcept nogil:
    cdef uint64_t moved
    cdef bint is_closing
    while True:
        if atomic_load_u32_acquire(&log.is_reopening) and atomic_exchange_u32(&log.is_reopening, 0):
            return NEED_REOPEN
        # looked at before the pass, so that the last pass sees all that came before closing
        is_closing = atomic_load_u32_acquire(&log.is_closing) != 0
        moved = write_pass(log)
        if log.last_error and is_time_to_tell(log):
            log.told_at_ns = clock_ns()
            return NEED_TELL
        if is_closing:
            if moved == 0:
                return NEED_NOTHING
        elif moved:
            rest(log, WRITER_NAPPING, log.ring_bytes // 4, NAP_MS)
        else:
            rest(log, WRITER_ASLEEP, 0, -1)


cdef bint is_time_to_tell(access_log_t *log) noexcept nogil:
    return log.told_at_ns == 0 or clock_ns() - log.told_at_ns >= <uint64_t>TELL_EVERY_MS * NS_PER_MS


cdef void rest(access_log_t *log, uint32_t state, size_t most, int timeout_ms) noexcept nogil:
    """Waits for a wake-up or the end of the time, unless a ring has more than `most` bytes."""
    atomic_store_u32_ordered(&log.state, state)
    if not wait(log, most, NAP_MS) and timeout_ms != NAP_MS:
        # A reactor publishes a record and then reads `state`, and a core may do the second before
        # the others see the first. By now they do: whoever has read the state of before is seen.
        wait(log, most, timeout_ms)
    atomic_exchange_u32(&log.state, WRITER_AWAKE)


cdef bint wait(access_log_t *log, size_t most, int timeout_ms) noexcept nogil:
    """False: the time is over and nobody woke us."""
    cdef pollfd wake
    cdef uint64_t ignored
    cdef uint32_t i, records
    for i in range(log.n_rings):
        if log_ring_peek(&log.rings[i], &records).len > most:
            return True
    wake.fd = log.wake_fd
    wake.events = POLLIN
    wake.revents = 0
    poll(&wake, 1, timeout_ms)
    if wake.revents:
        eventfd_read(log.wake_fd, &ignored)
    return wake.revents != 0


cdef uint64_t write_pass(access_log_t *log) noexcept nogil:
    """Writes what all rings hold now; the bytes that left the rings, written or dropped."""
    cdef batch_t batch
    cdef span_t readable
    cdef uint64_t moved = 0
    cdef uint32_t i, lines = 0
    batch.n = 0
    batch.next = 0
    if log.is_torn:
        batch_add(&batch, b"\n", 1, 0, NO_RING)
    for i in range(log.n_rings):
        readable = log_ring_peek(&log.rings[i], &lines)
        if readable.len:
            batch_add(&batch, readable.at, readable.len, lines, i)
            moved += readable.len
    if moved:
        batch_write(log, &batch)
    return moved


cdef void batch_add(batch_t *batch, const char *at, size_t n, uint32_t lines, uint32_t ring) noexcept nogil:
    batch.parts[batch.n].iov_base = <void *>at
    batch.parts[batch.n].iov_len = n
    batch.lines[batch.n] = lines
    batch.rings[batch.n] = ring
    batch.n += 1


cdef void batch_write(access_log_t *log, batch_t *batch) noexcept nogil:
    cdef ssize_t n
    while batch.next < batch.n:
        if log.is_file:
            n = writev(log.fd, &batch.parts[batch.next], batch.n - batch.next)
        elif can_write(log):
            n = write(log.fd, batch.parts[batch.next].iov_base, piece_length(&batch.parts[batch.next]))
        else:                           # the deadline for closing passed
            batch_drop(log, batch)
            return
        if n > 0:
            batch_advance(log, batch, <size_t>n)
        elif n < 0 and errno == EINTR:
            continue
        elif n < 0 and errno == EAGAIN and not log.is_file:
            # poll says writable and the write does not fit: nothing to wait for but time
            if not pause(log):
                batch_drop(log, batch)
                return
        else:
            log.last_error = errno if n < 0 else EIO
            own_add_u64(&log.errors, 1)
            batch_drop(log, batch)
            return


cdef size_t piece_length(const iovec *part) noexcept nogil:
    """How much of it to write to a pipe: whole lines, if one ends in the first PIECE_BYTES."""
    cdef const char *at = <const char *>part.iov_base
    cdef size_t n
    if part.iov_len <= PIECE_BYTES:
        return part.iov_len
    n = PIECE_BYTES
    while n > 0 and at[n - 1] != c'\n':
        n -= 1
    return n if n > 0 else <size_t>PIECE_BYTES


cdef int closing_ms(access_log_t *log) noexcept nogil:
    """How long the writer may still wait: -1: for ever, 0: the time is over."""
    cdef uint64_t by_ns, now_ns
    if not atomic_load_u32_acquire(&log.is_closing):
        return -1
    by_ns = atomic_load_u64(&log.close_by_ns)
    now_ns = clock_ns()
    return <int>((by_ns - now_ns + NS_PER_MS - 1) // NS_PER_MS) if now_ns < by_ns else 0


cdef bint can_write(access_log_t *log) noexcept nogil:
    """Waits until the descriptor takes PIECE_BYTES; False: closing, and its time is over."""
    cdef pollfd fds[2]
    cdef uint64_t ignored
    cdef int timeout_ms
    fds[0].fd = log.fd
    fds[0].events = POLLOUT
    fds[1].fd = log.wake_fd
    fds[1].events = POLLIN
    while True:
        timeout_ms = closing_ms(log)
        fds[0].revents = 0
        fds[1].revents = 0
        poll(fds, 2, timeout_ms)
        if fds[1].revents:
            eventfd_read(log.wake_fd, &ignored)
        if fds[0].revents:
            return True                 # or it is broken, and the write will say how
        if timeout_ms == 0:
            return False


cdef bint pause(access_log_t *log) noexcept nogil:
    """A nap in the middle of a batch; False: closing, and its time is over."""
    cdef int timeout_ms = closing_ms(log)
    if timeout_ms == 0:
        return False
    poll(NULL, 0, NAP_MS if timeout_ms < 0 or timeout_ms > NAP_MS else timeout_ms)
    return True


cdef uint32_t count_lines(const char *at, size_t n) noexcept nogil:
    cdef uint32_t lines = 0
    cdef const char *end = at + n
    cdef const char *found
    while at < end:
        found = <const char *>memchr(at, c'\n', end - at)
        if found == NULL:
            break
        lines += 1
        at = found + 1
    return lines


cdef uint32_t batch_take(access_log_t *log, batch_t *batch, size_t n) noexcept nogil:
    """Gives n bytes of the first part back to its ring; how many lines end in them."""
    cdef iovec *part = &batch.parts[batch.next]
    cdef uint32_t lines = batch.lines[batch.next]
    if n < part.iov_len and lines:      # of a whole part the ring knows
        lines = count_lines(<const char *>part.iov_base, n)
    if batch.rings[batch.next] != NO_RING:
        log_ring_skip(&log.rings[batch.rings[batch.next]], <uint32_t>n, lines)
    part.iov_base = <char *>part.iov_base + n
    part.iov_len -= n
    batch.lines[batch.next] -= lines
    if part.iov_len == 0:
        batch.next += 1
    return lines


cdef void batch_advance(access_log_t *log, batch_t *batch, size_t n) noexcept nogil:
    """n bytes of the batch are written."""
    cdef const char *at
    cdef size_t taken
    own_add_u64(&log.bytes_written, n)
    while n > 0:
        at = <const char *>batch.parts[batch.next].iov_base
        taken = batch.parts[batch.next].iov_len
        if taken > n:
            taken = n
        log.is_torn = at[taken - 1] != c'\n'
        own_add_u64(&log.lines_written, batch_take(log, batch, taken))
        n -= taken


cdef void batch_drop(access_log_t *log, batch_t *batch) noexcept nogil:
    """Loses the rest of the batch, and counts it."""
    while batch.next < batch.n:
        own_add_u64(&log.lines_dropped, batch_take(log, batch, batch.parts[batch.next].iov_len))

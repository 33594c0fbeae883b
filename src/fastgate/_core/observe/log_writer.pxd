"""The access log's writer: from the rings to a descriptor, in its own thread."""

from fastgate._core.observe.access_log cimport access_log_t


cdef enum writer_need_t:
    # Why log_writer_run came back: what only Python can do.
    NEED_NOTHING = 0            # closed: all is written, or the deadline passed
    NEED_REOPEN                 # open the path again, set log.fd, call again
    NEED_TELL                   # tell log.last_error, set it to 0, call again


# Sets what the writer has to know of a new descriptor. By the writer thread, or before it runs.
cdef void log_writer_set_fd(access_log_t *log, int fd) noexcept nogil
# Blocks without the GIL. One thread at a time.
cdef writer_need_t log_writer_run(access_log_t *log) noexcept nogil

"""The access log: its file, its writer thread's body, its figures."""

import logging
import os
import threading

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.atomics cimport (
    atomic_load_u64, atomic_store_u32_release, atomic_store_u64,
)
from fastgate._core.base.clock cimport clock_ns
from fastgate._core.observe.access_format cimport ACCESS_COMBINED, ACCESS_JSON, access_format_t
from fastgate._core.observe.access_log cimport (
    ACCESS_LOG_MAX_RINGS, access_log_close, access_log_open, access_log_t, access_log_wake,
)
from fastgate._core.observe.log_writer cimport (
    NEED_NOTHING, NEED_REOPEN, log_writer_run, log_writer_set_fd, writer_need_t,
)


cdef enum:
    # A ring holds a few of the longest lines: 32 KiB of URI and fields escaped to six times.
    MIN_RING_BYTES = 65536
    MAX_RING_BYTES = 0x40000000
    DEFAULT_RING_BYTES = 524288
    STDOUT_FD = 1


log = logging.getLogger("fastgate.access_log")


cdef class AccessLog:
    """Writes the requests of all reactors to one file.

    Args:
        target: a path (opened here, made if absent, appended to), ``"stdout"``, or the
            number of a descriptor that stays the caller's.
        format: ``"json"`` or ``"combined"``.
        n_reactors: how many reactors will log, at most 64.
        ring_bytes: memory per reactor between it and the writer, at least 64 KiB.

    Raises:
        OSError: the path cannot be opened.
        ValueError: an argument is out of its range.

    The object does nothing until some thread is in :meth:`run`.
    """

    def __cinit__(self, target, str format, uint32_t n_reactors, uint32_t ring_bytes=DEFAULT_RING_BYTES):
        cdef access_format_t c_format
        cdef int fd
        if format == "json":
            c_format = ACCESS_JSON
        elif format == "combined":
            c_format = ACCESS_COMBINED
        else:
            raise ValueError(f"access log format {format!r}: use json or combined")
        if not 1 <= n_reactors <= ACCESS_LOG_MAX_RINGS:
            raise ValueError(f"an access log serves 1 to {ACCESS_LOG_MAX_RINGS} reactors, not {n_reactors}")
        if not MIN_RING_BYTES <= ring_bytes <= MAX_RING_BYTES:
            raise ValueError(f"access log ring of {ring_bytes} bytes: use {MIN_RING_BYTES} to {MAX_RING_BYTES}")
        self.ended = threading.Event()
        self.path = ""
        if isinstance(target, int):
            fd = target
            self.name = f"descriptor {fd}"
        elif target == "stdout":
            fd = STDOUT_FD
            self.name = "stdout"
        else:
            self.path = self.name = os.fspath(target)
            fd = _open_log(self.path)
            self.is_ours = True
        self.c_log = access_log_open(n_reactors, ring_bytes, c_format)
        if self.c_log == NULL:
            if self.is_ours:
                os.close(fd)
            raise MemoryError("no memory or no descriptor for the access log")
        log_writer_set_fd(self.c_log, fd)

    def __dealloc__(self):
        if self.c_log == NULL:
            return
        if self.is_ours:
            os.close(self.c_log.fd)
        access_log_close(self.c_log)

    cdef access_log_t *pointer(self) noexcept nogil:
        return self.c_log

    def run(self) -> None:
        """Write until :meth:`close`: the body of the writer's thread, blocking without the GIL.

        The thread should be a daemon: a descriptor that hangs in the kernel (a dead
        network disk) cannot be interrupted, and must not keep the process.
        """
        cdef writer_need_t need
        if self.is_started:             # `close` was faster than the thread
            return
        self.is_started = True
        try:
            while True:
                with nogil:
                    need = log_writer_run(self.c_log)
                if need == NEED_NOTHING:
                    return
                if need == NEED_REOPEN:
                    self._open_again()
                else:
                    self._tell()
        finally:
            self.ended.set()

    def reopen(self) -> None:
        """Have the writer open the path again, after the file has been renamed.

        Lines go on into the old file until then, which is soon. Without a path (stdout,
        a descriptor) nothing happens. If the path cannot be opened, the old file stays
        in use and an error is logged.
        """
        if self.path:
            atomic_store_u32_release(&self.c_log.is_reopening, 1)
            access_log_wake(self.c_log)

    def close(self, double timeout_s=2.0) -> bool:
        """Write what the rings hold and end the writer; True: all of it was written or counted.

        To be called when the reactors have ended. What cannot be written within
        `timeout_s` seconds is dropped and counted. False: the descriptor hangs, and the
        writer thread with it.
        """
        atomic_store_u64(&self.c_log.close_by_ns, clock_ns() + <uint64_t>(timeout_s * 1e9))
        atomic_store_u32_release(&self.c_log.is_closing, 1)
        access_log_wake(self.c_log)
        if not self.is_started:
            self.run()
        # the writer keeps the deadline by itself, save inside a write that hangs
        return self.ended.wait(timeout_s + 0.25)

    def stats(self) -> dict:
        """Figures since the start.

        Returns:
            ``written`` and ``dropped`` lines, ``bytes`` written, ``errors`` (failed writes).
            Records that found a ring full are in the counters' ``log_dropped``.
        """
        return {
            "written": atomic_load_u64(&self.c_log.lines_written),
            "dropped": atomic_load_u64(&self.c_log.lines_dropped),
            "errors": atomic_load_u64(&self.c_log.errors),
            "bytes": atomic_load_u64(&self.c_log.bytes_written),
        }

    def _open_again(self) -> None:
        cdef int old_fd = self.c_log.fd
        try:
            fd = _open_log(self.path)
        except OSError as error:
            log.error("access log %s: cannot be opened again: %s; writing goes on into the old file",
                      self.path, error.strerror)
            return
        log_writer_set_fd(self.c_log, fd)
        os.close(old_fd)

    def _tell(self) -> None:
        reason = os.strerror(self.c_log.last_error)
        self.c_log.last_error = 0
        log.error("access log %s: cannot be written: %s; %d lines lost so far",
                  self.name, reason, atomic_load_u64(&self.c_log.lines_dropped))


def _open_log(str path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY, 0o640)

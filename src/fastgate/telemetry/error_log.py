"""The error log: `logging` to standard error, one line a message, never holding up the control loop.

    2026-01-31T23:59:59.123Z [warn] fastgate.control: reload: refused

Under systemd (standard error is the journal's socket, as JOURNAL_STREAM says) a line begins
with the priority in syslog's form instead and has no time: the journal keeps its own.

Non-blocking: a line is written only when poll says that standard error takes it at once,
at most PIPE_BUF bytes at a time, which a pipe with room takes whole. If the reader of the
other end has stopped, lines are dropped and counted, and the next line that gets through
is preceded by how many. No thread, no queue, and nothing is lost when the process dies.
"""

import logging
import os
import select
import time
from collections.abc import Mapping

NOTICE = 25                 # between INFO and WARNING: what an operator should see once
LEVELS = {
    "debug": logging.DEBUG, "info": logging.INFO, "notice": NOTICE, "warn": logging.WARNING, "error": logging.ERROR,
}
STDERR_FD = 2
PIECE_BYTES = 4096          # PIPE_BUF
LINE_BYTES = 65536          # a longer message is cut

# level -> word in the line, syslog's priority (RFC 5424 section 6.2.1)
WORDS = {
    logging.DEBUG: ("debug", 7), logging.INFO: ("info", 6), NOTICE: ("notice", 5),
    logging.WARNING: ("warn", 4), logging.ERROR: ("error", 3), logging.CRITICAL: ("crit", 2),
}
# A message may quote what a client sent: it stays one line and sends nothing to the terminal.
CONTROLS = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7f, 0xa0))} | {0x0a: "\\n", 0x09: "\\t"}


class LineFormatter(logging.Formatter):
    """Time (or priority), level, logger, message on one line; a traceback follows on lines of its own."""

    def __init__(self, is_journal: bool) -> None:
        super().__init__()
        self.is_journal = is_journal

    def format(self, record: logging.LogRecord) -> str:
        word, priority = WORDS.get(record.levelno, (record.levelname.lower(), 6))
        message = record.getMessage().translate(CONTROLS)
        text = f"[{word}] {record.name}: {message}"
        if not self.is_journal:
            text = f"{utc(record.created)} {text}"
        for more in (self._traceback(record), record.stack_info):
            if more:
                # What an exception says may be a client's: each line is indented, so none looks like the log's own.
                text += "".join(f"\n    {line.translate(CONTROLS)}" for line in more.split("\n"))
        if self.is_journal:
            text = "\n".join(f"<{priority}>{line}" for line in text.split("\n"))
        return text

    def _traceback(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else ""


def utc(created_s: float) -> str:
    """RFC 3339 with milliseconds."""
    ms = int(created_s * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(ms // 1000)) + f".{ms % 1000:03d}Z"


class DescriptorHandler(logging.Handler):
    """Writes to a descriptor that may refuse: see the module's text."""

    def __init__(self, fd: int) -> None:
        super().__init__()
        self.fd = fd
        self.dropped = 0            # lines lost since the last one written

    def emit(self, record: logging.LogRecord) -> None:
        try:
            data = self.format(record).encode("utf-8", "backslashreplace")
        except Exception:
            self.handleError(record)        # a wrong call: arguments that don't fit the message
            return
        if len(data) > LINE_BYTES:
            data = data[:LINE_BYTES] + b"...+%d" % (len(data) - LINE_BYTES)
        if self.dropped:
            data = b"[lines of the error log lost here: %d]\n%b" % (self.dropped, data)
        if self._write(data + b"\n"):
            self.dropped = 0
        else:
            self.dropped += 1

    def _write(self, data: bytes) -> bool:
        view = memoryview(data)
        while view:
            try:
                if not can_write(self.fd):
                    return False
                view = view[os.write(self.fd, view[:PIECE_BYTES]):]
            except OSError:
                return False                # closed, broken, full: there is nowhere left to say so
        return True


def can_write(fd: int) -> bool:
    """Whether a write of up to PIECE_BYTES would not block now."""
    poller = select.poll()
    poller.register(fd, select.POLLOUT)
    return bool(poller.poll(0))


def is_journal(fd: int, environ: Mapping[str, str]) -> bool:
    """Whether the descriptor is the stream that systemd connected to the journal (systemd.exec(5))."""
    try:
        about = os.fstat(fd)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{about.st_dev}:{about.st_ino}"


def set_up(level: str, environ: Mapping[str, str] = os.environ, fd: int = STDERR_FD) -> DescriptorHandler:
    """Send what all loggers say to standard error (or `fd`), in place of what handlers there were.

    Args:
        level: debug, info, notice, warn or error. Other packages' loggers stay at warn
            unless it is debug.
    """
    logging.addLevelName(NOTICE, "NOTICE")
    handler = DescriptorHandler(fd)
    handler.setFormatter(LineFormatter(is_journal(fd, environ)))
    logging.basicConfig(handlers=[handler], force=True)
    set_level(level)
    return handler


def set_level(level: str) -> None:
    """Change what is logged from now on."""
    logging.getLogger("fastgate").setLevel(LEVELS[level])
    logging.getLogger().setLevel(logging.DEBUG if level == "debug" else logging.WARNING)

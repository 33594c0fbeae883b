"""Figures of this process as the kernel keeps them (proc(5)); what cannot be read is left out."""

import os
import resource
import time

PROC = "/proc/self"


def process_figures() -> dict[str, float]:
    """CPU seconds, memory, descriptors, threads and start time.

    Returns:
        Any of ``cpu_s``, ``resident_bytes``, ``virtual_bytes``, ``open_fds``, ``max_fds``
        (absent when unlimited), ``threads``, ``started_at_s`` (Unix time).
    """
    used = resource.getrusage(resource.RUSAGE_SELF)
    figures: dict[str, float] = {"cpu_s": used.ru_utime + used.ru_stime}
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY:
        figures["max_fds"] = limit
    try:
        figures |= _memory() | _stat()
        figures["open_fds"] = len(os.listdir(f"{PROC}/fd")) - 1      # one of them reads the directory
    except OSError:
        pass                                # no /proc here, or no descriptor left to open it with
    return figures


def _memory() -> dict[str, float]:
    with open(f"{PROC}/statm", "rb") as file:
        pages = file.read().split()
    page_bytes = os.sysconf("SC_PAGE_SIZE")
    return {"virtual_bytes": int(pages[0]) * page_bytes, "resident_bytes": int(pages[1]) * page_bytes}


def _stat() -> dict[str, float]:
    with open(f"{PROC}/stat", "rb") as file:
        # The second field is the name in parentheses, which may contain anything.
        fields = file.read().rpartition(b")")[2].split()
    since_boot_s = int(fields[19]) / os.sysconf("SC_CLK_TCK")
    booted_at_s = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return {"threads": int(fields[17]), "started_at_s": booted_at_s + since_boot_s}

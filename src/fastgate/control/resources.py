"""What the machine gives the process: cores for reactors, descriptors for connections, memory back after reloads."""

import gc
import os
import resource
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgate.config.memory_budget import Machine

PROC_STATM = "/proc/self/statm"
CGROUP_CPU_MAX = "/sys/fs/cgroup/cpu.max"
WORKERS_MAX = 64
M_MMAP_THRESHOLD = -3       # of <malloc.h>
LARGE_BLOCK = 32768


def worker_count(setting: int | str) -> int:
    """`gateway: workers`; "auto" is one for each core this process may use, a container's CPU quota included."""
    if setting != "auto":
        return int(setting)
    cores = len(os.sched_getaffinity(0))
    return max(1, min(cores, _cgroup_cores(cores), WORKERS_MAX))


def machine() -> "Machine":
    """What `memory_budget` reckons with here. Descriptors: as many as raise_descriptor_limit gives."""
    from fastgate.config.memory_budget import Machine

    _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
    return Machine(worker_count("auto"), descriptors if descriptors != resource.RLIM_INFINITY else 1 << 20)


def resident_bytes() -> int:
    """RSS of this process; without /proc (an image may have none mounted) the most it has been."""
    try:
        with open(PROC_STATM, "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def sees_resident_bytes() -> bool:
    """Whether they are told as they are now."""
    return os.access(PROC_STATM, os.R_OK)


def data_bytes() -> int:
    """What RLIMIT_DATA counts of this process; 0 without /proc."""
    try:
        with open(PROC_STATM, "rb") as file:
            return int(file.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        return 0


def data_limit() -> int | None:
    """RLIMIT_DATA (systemd's LimitDATA=), past which malloc gets nothing; None: there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft


def raise_descriptor_limit() -> int:
    """Raises the soft RLIMIT_NOFILE to the hard one; what it is now. A connection takes one or two."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        except (OSError, ValueError):       # an unlimited hard limit above the kernel's own
            return soft
    return hard


def forget_garbage() -> None:
    """Collects once, and lets later collections pass over what is left: it stays until the next reload."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def give_memory_back() -> None:
    """After a reload: frees the loader's cycles, and what malloc keeps of the old configuration."""
    forget_garbage()
    trim()


def trim() -> None:
    """Gives the system what malloc keeps for the next who asks."""
    import ctypes

    malloc_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)       # glibc's; musl gives back by itself
    if malloc_trim is not None:
        malloc_trim(0)


def give_back_large_blocks() -> None:
    """From here on malloc maps each block of LARGE_BLOCK and more for itself: freed, it is the system's at once and
    leaves no hole. It takes a system call, so only where memory is tight."""
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)       # glibc's; musl leaves few holes
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def _cgroup_cores(otherwise: int) -> int:
    """The quota of cgroup v2's `cpu.max` ("150000 100000": one and a half cores) rounded up."""
    try:
        with open(CGROUP_CPU_MAX, encoding="ascii") as file:
            quota, period = file.read().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError, ZeroDivisionError):       # no cgroup v2, or "max": no quota
        return otherwise

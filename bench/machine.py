"""Facts about the machine and the tools, written beside every result."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from pathlib import Path

from peers import Peer
from peers.peer import first_line

HERE = Path(__file__).resolve().parent


def cores() -> tuple[int, int]:
    """(the gateway's core, the load's and the origin's core)."""
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        raise SystemExit("bench: needs two cores, one for the gateway and one for load and origin")
    return usable[-1], usable[0]


def cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def is_virtual() -> bool:
    return " hypervisor" in Path("/proc/cpuinfo").read_text()


def revision() -> str:
    """The commit measured; a plus sign: with changes not committed."""
    try:
        done = subprocess.run(["git", "-C", str(HERE), "describe", "--always", "--dirty=+", "--abbrev=12"],
                              capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def facts() -> dict:
    gateway_core, load_core = cores()
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        "revision": revision(),
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "gateway_core": gateway_core,
        "load_core": load_core,
        "is_virtual": is_virtual(),
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "load_average_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "gcc": first_line(["gcc", "--version"]),
    }


def versions(peers: list[Peer]) -> dict[str, str]:
    return {peer.name: peer.version() or "not installed" for peer in peers}

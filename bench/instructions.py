"""Counts the instructions of the core's inner operations with callgrind.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    python bench/instructions.py                compares with bench/instructions.json
    python bench/instructions.py --update       writes it
    python bench/instructions.py pick-hash      only that one
    python bench/instructions.py --recorded F   compares with another tree's

Unlike time, the count is the same on a busy machine. Each operation is run 1,000 and
11,000 times in a process of its own and the difference divided by 10,000, so that start-up
cancels out. `request` is the gateway as a whole, all its own code for one proxied request
(`callgrind.py`); `costs.py` shows it by function. The count does depend on the compiler, Cython, the C library (whose string
functions are chosen by CPU) and Python: they are recorded beside the counts. Where they
are the same, an operation that takes over 3 % more fails (exit code 1); where they differ,
over 25 % does, which still catches an algorithm that got worse.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import callgrind
import peers
from instruction_workloads import WORKLOADS
from peers.peer import first_line
from scenarios import SCENARIOS

HERE = Path(__file__).resolve().parent
FILE = HERE / "instructions.json"
FEW, MANY = 1_000, 11_000
TOLERANCE, TOLERANCE_ELSEWHERE = 0.03, 0.25
SLACK = 1.0             # instructions: 3 % of a short operation is less than one
TIMEOUT_S = 300
REQUEST = "request"
NAMES = [*WORKLOADS, REQUEST]


def toolchain() -> dict[str, str]:
    from Cython import __version__ as cython

    flags = set(re.findall(r"\b(?:avx2|erms|fsrm|neon|asimd)\b", Path("/proc/cpuinfo").read_text()))
    return {
        "architecture": platform.machine(),
        "cpu_flags": " ".join(sorted(flags)),
        "compiler": first_line([os.environ.get("CC", "cc"), "--version"]) or "unknown",
        "cython": cython,
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "valgrind": first_line(["valgrind", "--version"]) or "unknown",
    }


def child(name: str, times: int) -> None:
    """In the counted process: one workload, so many operations."""
    sys.path[:0] = [str(HERE.parent / "src"), str(HERE.parent / "tests")]
    WORKLOADS[name]()(times)


def total(name: str, times: int) -> int:
    """Instructions of the whole process."""
    # Without random addresses and hashes, and caching no compiled module: the same count every time.
    prefix = ["setarch", "-R"] if shutil.which("setarch") else []
    done = subprocess.run(
        [*prefix, "valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, "-s", __file__,
         "--child", name, str(times)],
        env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode or not found:
        raise SystemExit(f"instructions: {name} failed:\n{done.stdout}{done.stderr}")
    return int(found.group(1))


def count(name: str) -> float:
    if name == REQUEST:
        return round(sum(callgrind.per_request(peers.choose([peers.OURS])[0], SCENARIOS[0]).values()), 1)
    return round((total(name, MANY) - total(name, FEW)) / (MANY - FEW), 1)


def verdict(now: float, before: float | None, tolerance: float) -> str:
    """One word on a count: new, worse, better or same."""
    if before is None:
        return "new"
    if now > before + max(before * tolerance, SLACK):
        return "worse"
    return "better" if now < before - max(before * tolerance, SLACK) else "same"


def main() -> int:
    parser = argparse.ArgumentParser(description="Count instructions of the core's inner operations.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)} (default: all)")
    parser.add_argument("--update", action="store_true", help=f"write {FILE.name}")
    parser.add_argument("--recorded", type=Path, default=FILE, metavar="FILE", help=f"compare with this one (default: {FILE.name})")
    parser.add_argument("--child", nargs=2, metavar=("NAME", "TIMES"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], int(given.child[1]))
        return 0
    unknown = set(given.names) - set(NAMES)
    if unknown:
        parser.error(f"no such operation: {', '.join(sorted(unknown))}")
    if not shutil.which("valgrind"):
        parser.error("valgrind is not installed")
    recorded = json.loads(given.recorded.read_text()) if given.recorded.exists() else {"toolchain": {}, "instructions": {}}
    here = toolchain()
    differs = [key for key in here if here[key] != recorded["toolchain"].get(key)]
    tolerance = TOLERANCE_ELSEWHERE if differs else TOLERANCE
    if differs and recorded["toolchain"]:
        print(f"recorded with another {', '.join(differs)}: tolerance {tolerance:.0%}")
    counts = dict(recorded["instructions"])
    is_worse = False
    names = given.names or NAMES
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:      # a busy machine changes no count
        taken = dict(zip(names, pool.map(count, names), strict=True))
    for name, now in taken.items():
        before = recorded["instructions"].get(name)
        word = verdict(now, before, tolerance)
        is_worse |= word == "worse"
        change = f"{now / before - 1:+7.1%}" if before else ""
        print(f"{name:<22} {now:9.1f} {before if before is not None else '':>9} {change:>8}  {word}", flush=True)
        counts[name] = now
    if given.update:
        if differs and given.names and recorded["toolchain"]:
            parser.error("with another toolchain all operations are recorded anew, not only some")
        FILE.write_text(json.dumps({"toolchain": here, "instructions": counts}, indent=2) + "\n")
        return 0
    if is_worse:
        print("An operation takes more instructions than recorded. If that is meant: bench/instructions.py --update")
    return int(is_worse)


if __name__ == "__main__":
    sys.exit(main())

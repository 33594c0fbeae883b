"""Where a gateway's time goes: system calls and instructions per request, then time by function.

    python bench/costs.py                                   fastgate, scenario small
    python bench/costs.py --peer nginx --scenario routes

Needs strace, valgrind and perf (linux-perf). Under strace the gateway is many times slower, so that
more is ready whenever it looks: calls per wake-up (epoll_wait) come out lower than they are,
calls per request are right. Instructions are those of the gateway's own code, the kernel's
share shows in the time. Functions of the core have names in a build that keeps symbols.
"""

from __future__ import annotations

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import callgrind
from peers import OURS, Peer, Setup, choose, policy_headers
from process import Program, required
from sample import Load, Origin, gateway
from scenarios import SCENARIOS, Scenario

LOAD_S = 60.0           # at most: it is ended when enough was seen
WATCH_S = 2.0
FREQUENCY = 4999        # samples a second; a prime keeps it out of step with timers
FUNCTIONS = 40


def strace(pids: list[int], origin: Origin, seconds: float) -> list[tuple[str, float]]:
    """(system call, calls per request), the most frequent first."""
    before = origin.counts()["requests"]
    targets = [argument for pid in pids for argument in ("-p", str(pid))]
    watcher = subprocess.Popen(["strace", "-c", "-f", *targets], stderr=subprocess.PIPE, text=True)
    time.sleep(seconds)
    watcher.send_signal(signal.SIGINT)
    said = watcher.communicate()[1]
    requests = origin.counts()["requests"] - before
    # "% time  seconds  usecs/call  calls  [errors]  syscall"
    rows = re.findall(r"^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", said, re.MULTILINE)
    calls = [(name, int(number) / requests) for number, name in rows if name != "total"]
    return sorted(calls, key=lambda call: -call[1])


def perf(pids: list[int], seconds: float, folder: Path) -> list[str]:
    """Lines "share, object, function", the costliest first."""
    data = folder / "perf.data"
    watched = ",".join(map(str, pids))
    subprocess.run(["perf", "record", "-q", "-F", str(FREQUENCY), "-e", "cpu-clock", "-o", str(data), "-p", watched, "--",
                    "sleep", str(seconds)], check=True, capture_output=True)
    done = subprocess.run(["perf", "report", "-i", str(data), "--stdio", "--no-children", "-F", "overhead,dso,symbol",
                           "-w", "8,40,60"], check=True, capture_output=True, text=True)
    return [line.rstrip() for line in done.stdout.splitlines() if line.strip() and not line.startswith("#")]


def shares(lines: list[str]) -> dict[str, float]:
    """Per cent of the samples by object: the kernel, the C library, fastgate's core."""
    found: dict[str, float] = {}
    for line in lines:
        share, where = line.split()[:2]
        found[where] = found.get(where, 0.0) + float(share.rstrip("%"))
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def load(setup: Setup, scenario: Scenario) -> Load:
    started = Load(setup.port, [*scenario.load_arguments(), "-t", str(int(LOAD_S * 1000))])
    started.begin()
    return started


def watch(peer: Peer, running: Program, setup: Setup, origin: Origin, scenario: Scenario) -> None:
    with load(setup, scenario):
        print("system calls per request")
        for name, per_request in strace(running.pids(), origin, WATCH_S):
            if per_request >= 0.001:
                print(f"  {per_request:8.3f}  {name}")
    print("\ninstructions per request")
    instructions = callgrind.per_request(peer, scenario)
    print(f"  {sum(instructions.values()):8.0f}  in all")
    for (where, function), number in sorted(instructions.items(), key=lambda item: -item[1])[:FUNCTIONS]:
        print(f"  {number:8.0f}  {where:<20} {function}")
    with load(setup, scenario):
        lines = perf(running.pids(), WATCH_S, setup.folder)
    print("\nCPU time by object")
    for where, share in shares(lines).items():
        if share >= 0.1:
            print(f"  {share:7.2f} %  {where}")
    print("\nCPU time by function")
    print("\n".join(lines[:FUNCTIONS]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Show where a gateway's time goes.")
    parser.add_argument("--peer", default=OURS)
    parser.add_argument("--scenario", default="small", choices=[scenario.name for scenario in SCENARIOS])
    given = parser.parse_args()
    required("gcc", "taskset", "chrt", "strace", "valgrind", "perf")
    try:
        [peer] = choose([given.peer])
    except ValueError as error:
        raise SystemExit(f"costs: {error}") from None
    scenario = next(scenario for scenario in SCENARIOS if scenario.name == given.scenario)
    with tempfile.TemporaryDirectory(prefix="fastgate-bench-") as folder, Origin(scenario.response_bytes) as origin:
        setup = scenario.setup(Path(folder), origin.port)
        with gateway(peer, setup) as running:
            running.wait_ready(setup.port, scenario.first_path(), policy_headers(scenario.policy))
            watch(peer, running, setup, origin, scenario)
    return 0


if __name__ == "__main__":
    sys.exit(main())

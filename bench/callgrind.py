"""Instructions that the gateway's own code takes per proxied request, by function.

The whole gateway runs under callgrind and is loaded; its busiest thread, the reactor, is
counted from the start of the load on. The kernel's instructions are not. Functions have names in a build that keeps symbols.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

import machine
from peers import Peer, policy_headers
from process import Program
from sample import Load, Origin
from scenarios import Scenario

LOAD_S = 4.0
Costs = Counter[tuple[str, str]]    # (object, function): instructions


def plain_name(symbol: str) -> str:
    """room.file.function of a function of the core; others as they are."""
    rest, names = symbol.removeprefix("__pyx_f"), []
    while rest != symbol and (found := re.match(r"_(\d+)", rest)):    # each name after its length
        end = found.end() + int(found.group(1))
        names.append(rest[found.end():end])
        rest = rest[end:]
    return ".".join([*names[2:], rest[1:]]) if names[:2] == ["fastgate", "_core"] else symbol


def self_costs(file: Path) -> Costs:
    """Instructions by function, without those of the functions it called, from callgrind's output."""
    costs: Costs = Counter()
    where = function = ""
    is_call = False
    for line in file.read_text().splitlines():
        if line.startswith("ob="):
            where = line[3:].rpartition("/")[2].partition(".")[0]
        elif line.startswith("fn="):
            function = plain_name(line[3:])
        elif line.startswith("calls="):
            is_call = True          # the next line is the cost of the call, inclusive
        elif line[:1] in "+-*0123456789" and line:
            if not is_call:
                costs[where, function] += int(line.split()[1])
            is_call = False
    return costs


def beside_python(costs: Costs) -> int:
    """What is not the interpreter's: on a busy machine the control thread is still starting, and has more in all."""
    return sum(cost for (where, _), cost in costs.items() if not where.startswith(("libpython", "python")))


def control(process: Program, action: str) -> None:
    subprocess.run(["callgrind_control", action, str(process.popen.pid)], check=True, capture_output=True)


def per_request(peer: Peer, scenario: Scenario) -> dict[tuple[str, str], float]:
    """Instructions by object and function, divided by the requests served."""
    with tempfile.TemporaryDirectory(prefix="fastgate-bench-") as name, Origin(scenario.response_bytes) as origin:
        folder = Path(name)
        setup = scenario.setup(folder, origin.port)
        argv = ["valgrind", "--tool=callgrind", "--compress-strings=no", "--separate-threads=yes",
                f"--callgrind-out-file={folder}/callgrind", *peer.configure(setup)]
        with Program(argv, machine.cores()[0], environment=peer.environment) as running:
            running.wait_ready(setup.port, scenario.first_path(), policy_headers(scenario.policy))
            with Load(setup.port, [*scenario.load_arguments(), "-t", str(int(LOAD_S * 1000))]) as load:
                control(running, "--zero")
                load.begin()
                result = load.result()
                control(running, "--dump")
        if result["errors"]:
            raise RuntimeError(f"callgrind: {result['errors']} requests failed")
        # One file a thread: the control thread's work goes by the clock, not by requests.
        costs = max((self_costs(file) for file in folder.glob("callgrind.1-*")), key=beside_python)
    return {key: cost / result["requests"] for key, cost in costs.items()}

#!/usr/bin/env python3
"""Judges wheels: wheels/check.py [--grid] [TARGET | WHEEL ...]

Without arguments all of fastgate's in dist/; a path may be any project's wheel. Each must pass the gates
of gates.py, auditwheel (glibc) and abi3audit (abi3). The table has a row for each wheel; what is wrong
stands below it. docs/wheels.md says what each gate is for.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import gates
from targets import DIST, TABLE, Target, chosen, matrix

SHOWN = 3       # problems of a gate in a wheel


def tool(*words: str) -> subprocess.CompletedProcess:
    """A tool of this interpreter's environment."""
    return subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True)


def auditwheel(wheel: gates.Wheel) -> Iterator[str]:
    """A second opinion on glibc's versions and on libraries. It cannot read musl's needs on a Debian
    machine, whose libc.so is a linker script: there gates.symbols alone decides."""
    if wheel.target.libc == "gnu" and wheel.libraries:
        answer = tool("auditwheel", "show", "--json", str(wheel.path))
        yield from auditwheel_problems(answer.stdout, answer.stderr, wheel)


def auditwheel_problems(report: str, said: str, wheel: gates.Wheel) -> Iterator[str]:
    platform = wheel.target.facts["platform"]
    if not report.strip().startswith("{") or "overall_tag" not in (facts := json.loads(report)):
        yield f"auditwheel gives no verdict: {(report + said).strip()[-300:]}"
        return
    numbers = re.match(r"manylinux_(\d+)_(\d+)_", facts["overall_tag"])
    if not numbers or [*map(int, numbers.groups())] > [*map(int, platform.split("_")[1:3])]:
        yield f"auditwheel says {facts['overall_tag']}, not {platform}"
    if facts["external_libs"]:
        yield f"auditwheel finds libraries from outside: {', '.join(facts['external_libs'])}"


def abi3audit(wheel: gates.Wheel) -> Iterator[str]:
    if wheel.target.python == "abi3":
        answer = tool("abi3audit", "--strict", "--report", str(wheel.path))
        yield from abi3audit_problems(answer.returncode, answer.stdout, answer.stderr)


def abi3audit_problems(code: int, report: str, said: str) -> list[str]:
    found = []
    entries = [entry for spec in json.loads(report)["specs"].values() for entry in spec["wheel"]] if report.strip() else []
    for entry in entries:
        result = entry["result"]
        if not result["is_abi3"] or not result["is_abi3_baseline_compatible"]:
            foreign = ", ".join(map(str, result["non_abi3_symbols"])) or "none"
            found.append(f"{entry['name']}: computed {result['computed']}, baseline {result['baseline']}; not in the stable ABI: {foreign}")
    if not entries or code != 0 and not found:
        found.append(f"abi3audit exits with {code}, {len(entries)} libraries seen: {said.strip()[-300:]}")
    return found


GATES = gates.GATES | {"auditwheel": auditwheel, "abi3": abi3audit}


def judge(path: Path) -> dict[str, list[str]]:
    """The problems of a wheel, by gate."""
    target = gates.target_of(path)
    if target is None:
        return {name: [] for name in GATES}
    wheel = gates.opened(path, target)
    return {name: list(gate(wheel)) for name, gate in GATES.items()}


def table(verdicts: dict[Path, dict[str, list[str]]]) -> str:
    """Markdown: a row for each wheel, a column for each gate."""
    rows = [["wheel", "bytes", *GATES], ["---", "--:", *("---" for _ in GATES)]]
    for path, problems in verdicts.items():
        rows.append([path.name, f"{path.stat().st_size:,}", *("FAILED" if problems[name] else "ok" for name in GATES)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def grid(verdicts: dict[Path, dict[str, list[str]]]) -> str:
    """Markdown: the whole matrix, a row for each CPython; of a wheel that passes all gates its bytes."""
    cells = {gates.target_of(path): "FAILED" if any(problems.values()) else f"{path.stat().st_size:,}" for path, problems in verdicts.items()}
    columns = list(dict.fromkeys((target.arch, target.libc) for target in matrix()))
    rows = [["", *("-".join([arch, *["musl"] * (libc == "musl")]) for arch, libc in columns)], ["---", *("--:" for _ in columns)]]
    for python in TABLE["pythons"]:
        rows.append([python, *(cells.get(Target(arch, python, libc), "-") for arch, libc in columns)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def shortened(problems: list[str]) -> list[str]:
    """What is wrong with one library is often wrong with all."""
    return problems[:SHOWN] + [f"and {len(problems) - SHOWN} more"] * (len(problems) > SHOWN)


def paths(names: list[str]) -> list[Path]:
    if not names:
        found = sorted(DIST.glob("fastgate-*.whl"))
        return found or sys.exit(f"no wheel in {DIST}: build some with wheels/build.py")
    files = [Path(name) for name in names if name.endswith(".whl")]
    for file in files:
        if not file.is_file():
            sys.exit(f"{file}: no such file")
    targets = [name for name in names if not name.endswith(".whl")]
    return files + [target.wheel() for target in (chosen(targets) if targets else [])]


def main() -> None:
    parser = argparse.ArgumentParser(description="Judges wheels before anybody gets them.")
    parser.add_argument("wheels", nargs="*", metavar="TARGET | WHEEL")
    parser.add_argument("--grid", action="store_true", help="the matrix with sizes, not each wheel with its gates")
    arguments = parser.parse_args()
    found = paths(arguments.wheels)
    with ThreadPoolExecutor(os.cpu_count()) as pool:        # the tools are processes of their own
        verdicts = dict(zip(found, pool.map(judge, found), strict=True))
    print(grid(verdicts) if arguments.grid else table(verdicts))
    wrong = [f"{path.name}: {name}: {problem}" for path, verdict in verdicts.items()
             for name, problems in verdict.items() for problem in shortened(problems)]
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()

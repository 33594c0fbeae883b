#!/usr/bin/env python3
"""Runs wheels on another CPU: wheels/test.py [TARGET ...] [-- pytest's arguments for the core's tests]

Each is installed, offline, by the Python of a Debian root file system of that architecture, from
a wheelhouse; then, under qemu-user, every module is imported, tests/core runs, and whole gateways
serve the tests that run here, over loopback. A table says how it went. Needs the test doors of
wheels/build.py --doors, the Debian packages mmdebstrap and qemu-user-static, and Linux 6.7.
Tells function, not speed, and nothing about memory ordering: qemu runs on this machine's.
"""

import argparse
import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from common import PYTHON, SUITE
from emulation import emulated, root_of
from targets import CACHE, DIST, ROOT, TABLE, Target, chosen
from wheelhouse import EXTRAS, fill, foreign, house_of, pip

TIMEOUT_S = 1500
IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
Ed25519PrivateKey.generate().sign(b"")
print(len(sys.argv) - 1, "modules")
"""
# What the extras bring, and what nobody else asks for at import.
OTHERS = ("jsonschema", "uvicorn", "uvloop", "websockets")


def modules() -> list[str]:
    """Every module of fastgate: the wheel must have them all."""
    paths = sorted(path for kind in ("*.py", "*.pyx") for path in (ROOT / "src/fastgate").rglob(kind))
    names = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return [name for name in names if not name.endswith("__main__")]


def supply(targets: list[Target]) -> None:
    """A wheelhouse for each architecture, unless there is one newer than what says what belongs in it."""
    for arch in dict.fromkeys(target.arch for target in targets):
        sums = house_of(arch) / "SHA256SUMS"
        said = (ROOT / "pyproject.toml", ROOT / "wheels/targets.toml")
        if not sums.exists() or sums.stat().st_mtime < max(path.stat().st_mtime for path in said):
            fill(arch, PYTHON)


def tools_of(target: Target) -> Path:
    """What runs the tests there, nothing of fastgate: fetched once, and again when targets.toml asks for something else."""
    requires = TABLE["tests"]["requires"]
    site = CACHE / f"tools-{target.arch}-{PYTHON}-{hashlib.sha256(' '.join(requires).encode()).hexdigest()[:12]}"
    if not site.exists():
        fresh = Path(tempfile.mkdtemp(dir=CACHE, prefix="tools-"))
        pip("install", "--target", str(fresh), *foreign(target.arch, PYTHON), *requires)
        fresh.rename(site)
    return site


def board_of(target: Target) -> Path:
    return DIST / f"board-{target}"


class Trial:
    """One target's wheel, from its installation to its row of the table."""

    def __init__(self, target: Target, arguments: list[str]) -> None:
        if not target.doors.exists():
            sys.exit(f"no test doors for {target}: build them with wheels/build.py --doors {target}")
        self.target = target
        self.arguments = arguments
        self.wheel = target.wheel()
        self.tools = tools_of(target)
        self.prefix = emulated(target)
        self.python = str(board_of(target) / "bin/python")
        self.said: dict[str, str] = {}
        self.good = True

    def run(self) -> "Trial":
        started = time.monotonic()
        steps = {"install": self.install, "imports": self.imports, "core tests": self.core, "gateway": self.gateway}
        for name, step in steps.items():
            began = time.monotonic()
            done = subprocess.run(step(), cwd=ROOT, timeout=TIMEOUT_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.said[name] = summary(done.stdout) if done.returncode == 0 else "FAILED"
            print(f"{self.target}: {name}: {self.said[name]}, {time.monotonic() - began:.0f} s", flush=True)
            if done.returncode != 0:
                print(done.stdout, flush=True)
                self.good = False
                break
        self.said["time"] = f"{time.monotonic() - started:.0f} s"
        return self

    def install(self) -> list[str]:
        """As on a board: its own Python, its own pip, no network."""
        board = board_of(self.target)
        shutil.rmtree(board, ignore_errors=True)
        found = next((root_of(self.target) / "usr/share/python-wheels").glob("pip-[0-9]*.whl"))
        commands = [
            ["/usr/bin/python3", "-m", "venv", "--without-pip", str(board)],
            [self.python, f"/usr/share/python-wheels/{found.name}/pip", "--isolated", "install", "--no-index", "--no-compile",
             "--find-links", str(house_of(self.target.arch)), f"{self.wheel}[{','.join(EXTRAS)}]"],
            [str(board / "bin/fastgate"), "version"],
        ]
        return [*self.prefix, "sh", "-c", " && ".join(map(shlex.join, commands))]

    def imports(self) -> list[str]:
        return [*self.prefix, self.python, "-c", IMPORTS, *modules(), *OTHERS]

    def core(self) -> list[str]:
        return [*self.prefix, f"PYTHONPATH={self.target.doors}:{self.tools}", "PYTHONDONTWRITEBYTECODE=1", self.python,
                "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=slow",
                *(f"--deselect={name}" for name in TABLE["tests"]["deselect"]), *self.arguments, "tests/core"]

    def gateway(self) -> list[str]:
        """Tests, clients and upstreams are this machine's; the gateways they start are the board's."""
        return ["env", f"PYTHONPATH={ROOT / 'src'}", f"FASTGATE_TEST_PYTHON={shlex.join([*self.prefix, self.python])}",
                sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TABLE["tests"]["gateway"]]


def summary(output: str) -> str:
    """How many tests or modules a step's last line counts."""
    found = re.search(r"\d+ (passed|modules)", output.strip().rpartition("\n")[2])
    return found[0] if found else "ok"


def table(trials: list[Trial]) -> str:
    """Markdown: a row for each target."""
    names = ["install", "imports", "core tests", "gateway", "time"]
    rows = [["target", "root", "CPU", *names], ["---"] * (3 + len(names))]
    for trial in trials:
        facts = trial.target.facts
        rows.append([str(trial.target), f"{SUITE} {facts['debian']}, CPython {PYTHON}", facts["qemu_cpu"],
                     *(trial.said.get(name, "-") for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def divided(words: list[str]) -> tuple[list[str], list[str]]:
    """What is before `--`, and what is behind it."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def main() -> None:
    names, arguments = divided(sys.argv[1:])
    parser = argparse.ArgumentParser(description="Installs wheels on emulated boards and runs what matters there.")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    targets = chosen(parser.parse_args(names).targets)
    if strange := [str(target) for target in targets if "qemu_cpu" not in target.facts or target.libc != "gnu"]:
        sys.exit(f"no root file system to test {', '.join(strange)} in: the tests' Debian is {SUITE} "
                 "for ARM, and has no Python for musl")
    supply(targets)
    trials = [Trial(target, arguments) for target in targets]
    with ThreadPoolExecutor(os.cpu_count()) as pool:        # emulated, each takes a core
        list(pool.map(Trial.run, trials))
    print(table(trials))
    sys.exit(0 if all(trial.good for trial in trials) else 1)


if __name__ == "__main__":
    main()

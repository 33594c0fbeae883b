#!/usr/bin/env python3
"""Runs wheels: wheels/test.py [--python 3.X] [--doorless] [TARGET ...] [-- pytest's arguments for the core's tests]

Each is installed on a board (boards.py) by its Python: this machine, or a root file system of another
CPU under qemu-user, or one with musl; there offline, from a wheelhouse. Then every module is imported,
tests/core runs, and whole gateways serve the tests that run here, over loopback. A table says how it
went. Needs the test doors of wheels/build.py --doors, unless --doorless, and for root file systems
the Debian packages mmdebstrap and qemu-user-static, and Linux 6.7.
Emulation tells function, not speed, and nothing about memory ordering: qemu runs on this machine's.
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

from boards import Board, board_for
from targets import CACHE, ROOT, TABLE, chosen
from wheelhouse import EXTRAS, extras_of, fill, for_plugins, foreign, house_of, listing_of, pip

TIMEOUT_S = 1500
IMPORTS = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
if "cryptography" in sys.modules:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    Ed25519PrivateKey.generate().sign(b"")
if {"msgpack", "msgspec"} <= set(sys.modules):
    import msgpack, msgspec
    limit = {"limit": 2**40, "per": 0.25}
    assert msgpack.unpackb(msgspec.msgpack.encode(limit)) == msgspec.msgpack.decode(msgpack.packb(limit)) == limit
print(len(sys.argv) - 1, "modules")
"""
# What the extras bring, and what nobody else asks for at import.
OTHERS = {"asgi": ("uvicorn", "websockets"), "fast": ("uvloop",), "trust": ("cryptography",), "validator": ("jsonschema",)}


def modules() -> list[str]:
    """Every module of fastgate: the wheel must have them all."""
    paths = sorted(path for kind in ("*.py", "*.pyx") for path in (ROOT / "src/fastgate").rglob(kind))
    names = [".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__") for path in paths]
    return [name for name in names if not name.endswith("__main__")]


def supply(boards: list[Board]) -> None:
    """A wheelhouse for each root file system, unless there is one newer than what says what belongs in it."""
    for arch, libc, version in dict.fromkeys((board.target.arch, board.target.libc, board.version) for board in boards if board.root):
        listed = listing_of(house_of(arch, libc), version)
        said = (ROOT / "pyproject.toml", ROOT / "wheels/targets.toml")
        if not listed.exists() or listed.stat().st_mtime < max(path.stat().st_mtime for path in said):
            fill(arch, version, libc)


def tools_of(board: Board) -> Path:
    """What runs the tests there, nothing of fastgate: fetched once, and again when targets.toml asks for something else."""
    requires, target = TABLE["tests"]["requires"], board.target
    asked = hashlib.sha256(" ".join(requires).encode()).hexdigest()[:12]
    site = CACHE / f"tools-{target.arch}-{target.libc}-{board.version}-{asked}"
    if not site.exists():
        fresh = Path(tempfile.mkdtemp(dir=CACHE, prefix="tools-"))
        pip("install", "--target", str(fresh), *foreign(target.arch, board.version, target.libc), *requires)
        fresh.rename(site)
    return site


class Trial:
    """One wheel on one board, from its installation to its row of the table."""

    def __init__(self, board: Board, arguments: list[str], doorless: bool = False) -> None:
        if not doorless and not board.target.doors.exists():
            sys.exit(f"no test doors for {board.target}: build them with wheels/build.py --doors {board.target}, or say --doorless")
        self.board = board
        self.extras = extras_of(board.target)
        self.lacking = [extra for extra in EXTRAS if extra not in self.extras]
        self.core_tests = [*arguments, *(TABLE["tests"]["doorless"] if doorless else ["tests/core"])]
        self.wheel = board.target.wheel()
        self.said: dict[str, str] = {}
        self.good = True

    def run(self) -> "Trial":
        started = time.monotonic()
        steps = {"install": self.install, "imports": self.imports, "core tests": self.core, "gateway": self.gateway}
        for name, step in steps.items():
            began = time.monotonic()
            done = subprocess.run(step(), cwd=ROOT, timeout=TIMEOUT_S, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            self.said[name] = summary(done.stdout) if done.returncode == 0 else "FAILED"
            print(f"{self.board.target}, {self.board.version}: {name}: {self.said[name]}, {time.monotonic() - began:.0f} s", flush=True)
            if done.returncode != 0:
                print(done.stdout, flush=True)
                self.good = False
                break
        if self.lacking:
            self.said["install"] += f", without {' and '.join(self.lacking)}"
        self.said["time"] = f"{time.monotonic() - started:.0f} s"
        return self

    def install(self) -> list[str]:
        """As on a board: its own Python, its own pip, no network. This machine's CPythons fetch what they need, as a user's do."""
        board = self.board
        shutil.rmtree(board.site, ignore_errors=True)
        wanted = f"{self.wheel}[{','.join(self.extras)}]"
        if board.root:
            words = ["--isolated", "install", "--no-compile", "--no-index", "--find-links", str(house_of(board.target.arch, board.target.libc)), wanted,
                     *for_plugins(board.target)]
        else:
            words = ["install", "--quiet", "--no-compile", wanted, *TABLE["tests"]["requires"]]
        commands = [shlex.join([*board.pip(), *words]), shlex.join([str(board.site / "bin/fastgate"), "version"])]
        return [*board.prefix, "sh", "-c", " && ".join([board.new_site(), *commands])]

    def imports(self) -> list[str]:
        others = [name for extra in self.extras for name in OTHERS[extra]]
        return [*self.board.prefix, self.board.python, "-c", IMPORTS, *modules(), *others, *for_plugins(self.board.target)]

    def core(self) -> list[str]:
        doors, path = self.board.target.doors, [str(tools_of(self.board))] if self.board.root else []
        return [*self.board.prefix, f"PYTHONPATH={':'.join([str(doors), *path])}", "PYTHONDONTWRITEBYTECODE=1", self.board.python,
                "-m", "pytest", "-q", "-p", "no:cacheprovider", "--hypothesis-profile=slow",
                *(f"--deselect={name}" for name in TABLE["tests"]["deselect"]), *self.core_tests]

    def gateway(self) -> list[str]:
        """Tests, clients and upstreams are this machine's; the gateways they start are the board's."""
        return ["env", f"PYTHONPATH={ROOT / 'src'}", f"FASTGATE_TEST_PYTHON={shlex.join([*self.board.prefix, self.board.python])}",
                sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *TABLE["tests"]["gateway"]]


def summary(output: str) -> str:
    """How many tests or modules a step's last line counts."""
    found = re.search(r"\d+ (passed|modules)", output.strip().rpartition("\n")[2])
    return found[0] if found else "ok"


def table(trials: list[Trial]) -> str:
    """Markdown: a row for each target."""
    names = ["install", "imports", "core tests", "gateway", "time"]
    rows = [["target", "board", "CPU", *names], ["---"] * (3 + len(names))]
    for trial in trials:
        board = trial.board
        rows.append([str(board.target), f"{board.name}, CPython {board.version}", board.cpu, *(trial.said.get(name, "-") for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def divided(words: list[str]) -> tuple[list[str], list[str]]:
    """What is before `--`, and what is behind it."""
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at + 1 :]


def main() -> None:
    names, arguments = divided(sys.argv[1:])
    parser = argparse.ArgumentParser(description="Installs wheels on boards and runs what matters there.")
    parser.add_argument("targets", nargs="*", metavar="TARGET")
    parser.add_argument("--python", metavar="3.X", help="the board's CPython, where several take the wheel: abi3's")
    parser.add_argument("--doorless", action="store_true", help="of tests/core only what needs no test doors")
    asked = parser.parse_args(names)
    boards = [board_for(target, asked.python) for target in chosen(asked.targets)]
    trials = [Trial(board, arguments, asked.doorless) for board in boards]
    supply(boards)
    with ThreadPoolExecutor(os.cpu_count()) as pool:        # emulated, each takes a core
        list(pool.map(Trial.run, trials))
    print(table(trials))
    sys.exit(0 if all(trial.good for trial in trials) else 1)


if __name__ == "__main__":
    main()

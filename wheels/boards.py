"""What a target's wheel is tried on: this machine, or a root file system, with a CPython that takes the wheel.

Another CPU is emulated. Debian's releases have one Python each ([headers] of targets.toml says which);
this machine has those in PATH and pyenv's; musl has the one that musl.py builds.
"""

import os
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import headers
from common import PYTHON
from emulation import inside, root_of
from targets import DIST, TABLE, Target


@dataclass(frozen=True)
class Board:
    target: Target
    version: str                # of CPython: 3.11
    name: str                   # for the table
    interpreter: str            # the CPython there is
    prefix: tuple[str, ...]     # what goes before a command for it to run there
    root: Path | None = None

    @property
    def site(self) -> Path:
        """The virtual environment that the wheel is installed to."""
        return DIST / f"board-{self.target}-{self.version}"

    @property
    def python(self) -> str:
        return str(self.site / "bin/python")

    @property
    def cpu(self) -> str:
        return self.target.facts["qemu_cpu"] if self.is_emulated else "this machine's"

    @property
    def is_emulated(self) -> bool:
        return self.target.arch != os.uname().machine

    def new_site(self) -> str:
        """A shell command that makes it, empty. Its pip is Debian's there, this machine's CPython brings its own."""
        return shlex.join([self.interpreter, "-m", "venv", *["--without-pip"] * (self.root is not None), str(self.site)])

    def pip(self) -> list[str]:
        if self.root is None:
            return [self.python, "-m", "pip"]
        found = next((self.root / "usr/share/python-wheels").glob("pip-[0-9]*.whl"))
        return [self.python, f"/usr/share/python-wheels/{found.name}/pip"]


def versions(target: Target) -> list[str]:
    """The CPythons that take the target's wheels."""
    if target.python != "abi3":
        return [headers.version_of(target.python)]
    return [headers.version_of(python) for python in TABLE["pythons"] if python not in ("abi3", "cp310")]


def works(interpreter: Path, version: str) -> bool:
    """It is that CPython, not a shim for one, and makes virtual environments with a pip."""
    asked = f"import ensurepip, sys; sys.exit('%d.%d' % sys.version_info[:2] != '{version}')"
    return subprocess.run([interpreter, "-c", asked], stderr=subprocess.DEVNULL).returncode == 0


def board_for(target: Target, version: str | None = None) -> Board:
    """Where the target's wheel is tried, on this CPython or the one that suits it. Ends the program where there is none."""
    takes = versions(target)
    version = version or (PYTHON if PYTHON in takes else takes[0])
    if version not in takes:
        sys.exit(f"CPython {version} takes no wheel of {target}: it is for {', '.join(takes)}")
    architecture = target.facts["debian"]
    if target.libc == "musl":
        if version != TABLE["musl"]["python"]:
            sys.exit(f"no CPython {version} for musl to try {target} with: there is {TABLE['musl']['python']}")
        root = root_of(target)
        return Board(target, version, f"musl {architecture}", "/usr/bin/python3", tuple(inside(target, root)), root)
    if target.arch == os.uname().machine and (found := [each for each in headers.interpreters(version) if works(each, version)]):
        return Board(target, version, "this machine", str(found[-1]), ("env",))
    if suite := TABLE["headers"].get(version):
        root = root_of(target, suite)
        return Board(target, version, f"{suite} {architecture}", f"/usr/bin/python{version}", tuple(inside(target, root)), root)
    sys.exit(f"no CPython {version} for {target.arch} to try {target} with: Debian has {', '.join(TABLE['headers'])}")

"""The targets of targets.toml, and where build.py and test.py keep things."""

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TABLE = tomllib.loads((ROOT / "wheels/targets.toml").read_text())
ABI3 = "cp311"

# Downloads, root file systems, zig's own cache: outside the tree, kept between runs.
CACHE = Path(os.environ.get("FASTGATE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "fastgate").expanduser()
DIST = ROOT / "dist"


@dataclass(frozen=True)
class Target:
    arch: str           # aarch64
    python: str         # cp311, or abi3

    def __str__(self) -> str:
        return f"{self.arch}-{self.python}"

    @property
    def facts(self) -> dict[str, Any]:
        return TABLE["arch"][self.arch]

    @property
    def tag(self) -> str:
        """How the wheel's file name ends."""
        abi = f"{ABI3}-abi3" if self.python == "abi3" else f"{self.python}-{self.python}"
        return f"{abi}-{self.facts['platform']}"

    @property
    def suffix(self) -> str:
        """How an extension's file name ends."""
        if self.python == "abi3":
            return ".abi3.so"
        return f".cpython-{self.python.removeprefix('cp')}-{self.facts['multiarch']}.so"

    @property
    def doors(self) -> Path:
        """The test doors built for this target: beside the wheels, and no part of them."""
        return DIST / f"doors-{self}"

    def wheel(self) -> Path:
        found = sorted(DIST.glob(f"fastgate-*-{self.tag}.whl"), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"no wheel for {self} in {DIST}: build it with wheels/build.py {self}")
        return found[-1]


def chosen(names: list[str]) -> list[Target]:
    """Targets by name; an architecture's name is all its targets; nothing is the default ones."""
    every = [Target(arch, python) for arch in TABLE["arch"] for python in TABLE["pythons"]]
    found = [target for name in names or TABLE["default"] for target in every if name in (str(target), target.arch)]
    for name in names:
        if not any(name in (str(target), target.arch) for target in every):
            sys.exit(f"no target {name!r}: there are {', '.join(map(str, every))}")
    return found

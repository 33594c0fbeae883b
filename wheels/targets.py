"""The targets of targets.toml, and where the tools beside it keep things."""

import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
TABLE = tomllib.loads((ROOT / "wheels/targets.toml").read_text())
ABI3 = "cp311"
LIBCS = ("gnu", "musl")

# Downloads, root file systems, zig's own cache: outside the tree, kept between runs.
CACHE = Path(os.environ.get("FASTGATE_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "fastgate").expanduser()
DIST = ROOT / "dist"


@dataclass(frozen=True)
class Target:
    arch: str           # aarch64
    python: str         # cp311, or abi3
    libc: str = "gnu"   # gnu, musl

    def __str__(self) -> str:
        return "-".join([self.arch, *["musl"] * (self.libc == "musl"), self.python])

    @property
    def facts(self) -> dict[str, Any]:
        """The table's facts about the architecture, with those of the C library over them."""
        arch = TABLE["arch"][self.arch]
        facts = {name: value for name, value in arch.items() if name not in LIBCS} | arch[self.libc]
        facts["pyconfig"] = arch["pyconfig"] | arch[self.libc].get("pyconfig", {})
        return facts

    @property
    def compiler(self) -> list[str]:
        """What zig's compiler is told."""
        return ["-target", self.facts["zig"], *self.facts["cpu"]]

    @property
    def platforms(self) -> list[str]:
        """The platform tags of its wheels: the oldest pip that knows one of them takes it."""
        facts = self.facts
        return [facts[name] for name in ("alias", "platform") if name in facts]

    @property
    def tag(self) -> str:
        """How the wheel's file name ends."""
        abi = f"{ABI3}-abi3" if self.python == "abi3" else f"{self.python}-{self.python}"
        return f"{abi}-{'.'.join(self.platforms)}"

    @property
    def suffix(self) -> str:
        """How an extension's file name ends."""
        if self.python == "abi3":
            return ".abi3.so"
        # CPython 3.10 gives glibc's name on musl too.
        multiarch = self.facts["multiarch"]
        multiarch = multiarch.replace("-musl", "-gnu") if self.python == "cp310" else multiarch
        return f".cpython-{self.python.removeprefix('cp')}-{multiarch}.so"

    @property
    def doors(self) -> Path:
        """The test doors built for this target: beside the wheels, and no part of them."""
        return DIST / f"doors-{self}"

    def wheel(self) -> Path:
        found = sorted(DIST.glob(f"fastgate-*-{self.tag}.whl"), key=lambda path: path.stat().st_mtime)
        if not found:
            sys.exit(f"no wheel for {self} in {DIST}: build it with wheels/build.py {self}")
        return found[-1]


def matrix() -> list[Target]:
    return [Target(arch, python, libc) for arch in TABLE["arch"] for libc in LIBCS for python in TABLE["pythons"]]


def chosen(names: list[str]) -> list[Target]:
    """Targets by name. `aarch64` is all of that architecture's, `aarch64-musl` those for musl, `abi3`
    all of that Python's, `all` everything; nothing is the default ones."""
    found: list[Target] = []
    for name in names or TABLE["default"]:
        named = [target for target in matrix() if name in _names(target)]
        if not named:
            sys.exit(f"no target {name!r}: there are {', '.join(map(str, matrix()))}")
        found += [target for target in named if target not in found]
    return found


def _names(target: Target) -> tuple[str, ...]:
    return str(target), target.arch, target.libc, f"{target.arch}-{target.libc}", target.python, "all"

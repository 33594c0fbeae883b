"""The benchmark's own programs (`relay.c`, `origin.c`, `load.c`), compiled when first needed."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILT = HERE.parent / "build/bench"
COMPILE = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror"]


@cache
def program(name: str) -> Path:
    """The path of the program built from `name`.c, newer than its source."""
    source, target = HERE / f"{name}.c", BUILT / name
    if not target.exists() or target.stat().st_mtime <= source.stat().st_mtime:
        BUILT.mkdir(parents=True, exist_ok=True)
        subprocess.run([*COMPILE, "-o", str(target), str(source)], check=True)
    return target

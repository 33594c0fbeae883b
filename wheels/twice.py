#!/usr/bin/env python3
"""Builds a target twice and compares: wheels/twice.py [TARGET]

From two clones of the last commit at places of different length, with nothing kept between them, and
with all else different that may creep into a file: umask, time zone, language, hash seed, time of day.
"""

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from targets import ROOT, Target, chosen

SURROUNDINGS = {
    "a": {"umask": 0o022, "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "1"},
    "a-longer-place/b": {"umask": 0o077, "TZ": "Asia/Kathmandu", "LC_ALL": "C", "PYTHONHASHSEED": "2"},
}


def git(*words: str) -> str:
    return subprocess.run(["git", "-c", "safe.directory=*", *words], check=True, capture_output=True, text=True).stdout.strip()


def build(target: Target, commit: str, clone: Path, surroundings: dict) -> Path:
    git("clone", "-q", "--no-checkout", str(ROOT), str(clone))
    git("-C", str(clone), "checkout", "-q", "--detach", commit)
    settings = {name: value for name, value in surroundings.items() if name != "umask"}
    # A compiler's cache would give the second build the objects of the first.
    settings["ZIG_LOCAL_CACHE_DIR"] = str(clone.parent / "zig")
    subprocess.run(
        [sys.executable, "wheels/build.py", "--no-release", str(target)], cwd=clone, check=True, umask=surroundings["umask"],
        env={name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"} | settings,
    )
    (wheel,) = (clone / "dist").glob("*.whl")
    return wheel


def differences(one: Path, other: Path) -> list[str]:
    """The files that are not the same in both; the archive itself where all of them are."""
    with zipfile.ZipFile(one) as first, zipfile.ZipFile(other) as second:
        names = sorted({*first.namelist(), *second.namelist()})
        found = [name for name in names if name not in first.namelist() or name not in second.namelist()
                 or first.read(name) != second.read(name)]
    return found or ["the archive"] * (one.name != other.name or one.read_bytes() != other.read_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description="Builds a target from two clones and compares the wheels.")
    parser.add_argument("target", nargs="?", default="aarch64-abi3", metavar="TARGET")
    (target,) = chosen([parser.parse_args().target])
    commit = git("-C", str(ROOT), "rev-parse", "HEAD")      # one may come while the first is built
    print(f"commit {commit}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        wheels = []
        for place, surroundings in SURROUNDINGS.items():
            started = time.monotonic()
            wheels.append(build(target, commit, Path(name) / place, surroundings))
            digest = hashlib.sha256(wheels[-1].read_bytes()).hexdigest()
            print(f"{digest}  {wheels[-1].name}  in {time.monotonic() - started:.0f} s", flush=True)
        found = differences(*wheels)
    print(*(f"differs: {each}" for each in found), "the same to the byte" if not found else "NOT the same", sep="\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()

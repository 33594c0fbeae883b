"""Wheels for another machine, chosen and unpacked by this one's pip."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from fastgate.bundle import BundleError
from fastgate.bundle.debian import run
from fastgate.bundle.machines import Machine

# pip takes the tags of wheels from its command line, but reads markers such as
# `platform_machine != "armv7l"` off the Python it runs on: so that one is told to be another.
PIP = """
import os, platform, runpy, sys
machine, version = sys.argv[1:3]
del sys.argv[1:3]
platform.machine = lambda: machine
platform.python_version = lambda: version
platform.python_version_tuple = lambda: tuple(version.split("."))
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def choice(platforms: Sequence[str], python: str) -> list[str]:
    """pip's words for wheels of those platforms only, and of a CPython: 3.11, or in full 3.11.2."""
    abis = (f"cp{_series(python).replace('.', '')}", "abi3", "none")
    return ["--only-binary=:all:", "--implementation", "cp", "--python-version", python,
            *(word for abi in abis for word in ("--abi", abi)),
            *(word for platform in platforms for word in ("--platform", platform))]


def install(requirements: Sequence[str], machine: Machine, python: str, find_links: Sequence[str], into: Path) -> None:
    """Puts the requirements and theirs into the folder. python: the full version they will run on."""
    if find_spec("pip") is None:
        raise BundleError(f"{sys.executable} has no pip: install it there, or run fastgate from an environment that has it")
    command = [sys.executable, "-c", PIP, machine.name, python, "--disable-pip-version-check", "install", "--quiet", "--quiet",
               "--target", str(into), "--no-compile", *choice(machine.platforms, python)]
    for place in find_links:
        command += ["--find-links", place]
    run([*command, *requirements], os.environ | {"PIP_ROOT_USER_ACTION": "ignore"}, "pip",
        f"Every package must have a wheel for {machine.name} and CPython {_series(python)}: folders of wheels are given with --wheels DIR.")


def _series(python: str) -> str:
    return ".".join(python.split(".")[:2])

"""`fastgate version`."""

import argparse
import os
import sys
from importlib.util import find_spec

from fastgate._version import __version__

HELP = "print the version and which extras are there"
DESCRIPTION = "Prints the version of fastgate, of the Python that runs it, and which of its extras are installed."
EXAMPLES = ("fastgate version",)

# What `pip install 'fastgate[...]'` adds: its modules, and what there is without them.
EXTRAS = {
    "fast": (("uvloop",), "asyncio's event loop is used"),
    "validator": (("jsonschema",), "no request-validator"),
    "trust": (("cryptography",), "no signatures of plugins"),
    "asgi": (("uvicorn", "websockets"), "no services that are ASGI applications"),
}


def text() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"fastgate {__version__} ({sys.implementation.name} {python}, {os.uname().machine})"


def extras() -> list[str]:
    """A line for each extra: `fast: uvloop`, or what is missing and how to get it."""
    lines = []
    for name, (modules, without) in EXTRAS.items():
        missing = [module for module in modules if find_spec(module) is None]
        state = f"without {' and '.join(missing)}: {without}; pip install 'fastgate[{name}]'" if missing else ", ".join(modules)
        lines.append(f"{name}: {state}")
    return lines


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser      # it takes none


def run(args: argparse.Namespace) -> int:
    del args
    print(text(), *extras(), sep="\n")
    return 0

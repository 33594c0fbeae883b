"""`fastgate version`."""

import argparse
import os
import sys

from fastgate._version import __version__

HELP = "print the version"
DESCRIPTION = "Prints the version of fastgate and of the Python that runs it."
EXAMPLES = ("fastgate version",)


def text() -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return f"fastgate {__version__} ({sys.implementation.name} {python}, {os.uname().machine})"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser      # it takes none


def run(args: argparse.Namespace) -> int:
    del args
    print(text())
    return 0

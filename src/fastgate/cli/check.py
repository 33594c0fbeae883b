"""`fastgate check`."""

import argparse
import sys

from fastgate.cli import options
from fastgate.telemetry.wording import counted

HELP = "validate a configuration"
DESCRIPTION = """\
Reads a configuration as `run` does, compiles it (regular expressions too), and says all that is wrong
with it at once: one line each, `file:line: path: message`. With a memory_budget it prints the limits that
follow from it. Opens no socket and looks up no name. Plugins in Python are imported (which may write
__pycache__), not initialised: what their init or configure refuses, only run and reload find.
Exit code 0: it is good (warnings may be printed); 1: it is not."""
EXAMPLES = (
    "fastgate check",
    "fastgate check -c /etc/fastgate/fastgate.yaml && fastgate reload -c /etc/fastgate/fastgate.yaml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_config(parser)
    options.add_unknown_plugins(parser)
    options.add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    problem = options.missing_config(args.config)
    if problem:
        print(f"fastgate check: {problem}", file=sys.stderr)
        return 1
    from fastgate.control.source import check, file_source

    report = check(file_source(args.config, options.flags(args), args.allow_unknown_plugins))
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    for error in report.errors:
        print(error, file=sys.stderr)
    if report.errors:
        print(f"{args.config}: {counted(len(report.errors), 'errors')}", file=sys.stderr)
        return 1
    for line in report.limits:
        print(line)
    print("OK: " + ", ".join(counted(count, name) for name, count in report.counts.items()))
    return 0

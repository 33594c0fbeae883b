"""`fastgate check`."""

import argparse
import sys

from fastgate.cli import options

NAME = "check"
HELP = "validate a configuration"
DESCRIPTION = """\
Reads a configuration as `run` does, compiles it (regular expressions too), and says what is wrong with
it, all of it at once, one `file:line: path: message` a line. Starts nothing, listens nowhere."""
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
        print(f"{args.config}: {len(report.errors)} error{'s' if len(report.errors) > 1 else ''}", file=sys.stderr)
        return 1
    print("OK: " + ", ".join(f"{count} {name if count != 1 else name[:-1]}" for name, count in report.counts.items()))
    return 0

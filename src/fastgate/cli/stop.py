"""`fastgate stop`."""

import argparse
import sys

from fastgate.cli import options
from fastgate.cli.ask import ask

HELP = "drain the running gateway and end it"
DESCRIPTION = """\
Tells the gateway that runs this file to end: it stops accepting, finishes the requests it has (for at
most gateway.timeouts.drain), flushes its logs and ends. Returns when it has."""
EXAMPLES = (
    "fastgate stop",
    "fastgate stop -c /etc/fastgate/fastgate.yaml --timeout 10",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_config(parser)
    options.add_control_socket(parser, timeout_s=120)


def run(args: argparse.Namespace) -> int:
    answer = ask("stop", args, "stop", wait_for_end=True)
    if answer is None:
        return 1
    if not answer["ok"]:
        print("\n".join(answer["errors"]), file=sys.stderr)
        return 1
    print("stopped")
    return 0

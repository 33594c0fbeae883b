"""`fastgate health`."""

import argparse

from fastgate.cli import options
from fastgate.cli.ask import ask

HELP = "say whether the running gateway is well"
DESCRIPTION = """\
Asks the gateway that runs this file for its state, through its control socket. Exit code 0: it takes
requests; 1: it does not answer, or starts or ends just now. For health checks of containers: needs no shell, no
HTTP client and no open port."""
EXAMPLES = (
    "fastgate health",
    "fastgate health -c /etc/fastgate/fastgate.yaml --timeout 2",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_config(parser)
    options.add_control_socket(parser, timeout_s=5)


def run(args: argparse.Namespace) -> int:
    answer = ask("health", args, "info")
    if answer is None:
        return 1
    print(f"{answer['state']}: fastgate {answer['version']}, pid {answer['pid']}, up {answer['uptime_s']:.0f} s")
    return 0 if answer["state"] == "ready" else 1

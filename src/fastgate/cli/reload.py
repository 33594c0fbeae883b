"""`fastgate reload`."""

import argparse
import sys

from fastgate.cli import options
from fastgate.cli.ask import ask
from fastgate.telemetry.wording import counted

HELP = "make the running gateway read its configuration again"
DESCRIPTION = """\
Tells the gateway that runs this file to read it again. All or nothing: the whole file is taken at once,
with no request lost; or the old configuration goes on, the errors are printed here and the exit code is 1."""
EXAMPLES = (
    "fastgate reload",
    "fastgate reload -c /etc/fastgate/fastgate.yaml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_config(parser)
    options.add_control_socket(parser, timeout_s=60)


def run(args: argparse.Namespace) -> int:
    answer = ask("reload", args, "reload")
    if answer is None:
        return 1
    for warning in answer["warnings"]:
        print(f"warning: {warning}", file=sys.stderr)
    if not answer["ok"]:
        for error in answer["errors"]:
            print(error, file=sys.stderr)
        print("refused: the old configuration goes on", file=sys.stderr)
        return 1
    print(f"reloaded: snapshot {answer['number']}, {counted(answer['services'], 'services')}, "
          f"{counted(answer['routes'], 'routes')}, in {answer['took_ms']} ms")
    return 0

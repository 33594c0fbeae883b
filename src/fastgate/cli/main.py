"""Entry point of the `fastgate` command.

Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from functools import partial
from importlib import import_module

from fastgate.cli import version

# Modules of fastgate.cli.
COMMANDS = ("run", "check", "reload", "stop", "health", "plugins", "bans", "bundle", "demo", "version")
EXIT_FAILED = 1
COLUMNS = 80                # where there is no terminal
EXIT_INTERRUPTED = 130      # 128 + SIGINT, as shells count


def main(argv: list[str] | None = None) -> int:
    """Runs one command. argv: without the program's name; `sys.argv` by default."""
    argv = sys.argv[1:] if argv is None else argv
    # A gateway keeps for its life what its start imports: of the others only help and errors need know.
    args = build_parser(argv[:1] if argv[:1] and argv[0] in COMMANDS else COMMANDS).parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:         # `fastgate check | head`: nobody reads any more
        sys.stderr.close()
        return EXIT_FAILED


def build_parser(names: Sequence[str] = COMMANDS) -> argparse.ArgumentParser:
    """Of these commands."""
    width = columns() - 2
    parser = argparse.ArgumentParser(
        prog="fastgate", description="An API gateway: Kong's declarative files, a compiled core, one process.",
        epilog="`fastgate COMMAND --help` explains a command. Without a configuration: `fastgate demo`.",
        formatter_class=partial(argparse.HelpFormatter, width=width))
    parser.add_argument("--version", action="version", version=version.text())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True, prog=parser.prog)
    for name in names:
        command = import_module(f"fastgate.cli.{name}")
        added = commands.add_parser(
            name, help=command.HELP, description=command.DESCRIPTION,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in command.EXAMPLES),
            formatter_class=partial(argparse.RawDescriptionHelpFormatter, width=width))
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return parser


def columns() -> int:
    """Of the terminal. argparse would ask shutil, which maps three compression libraries."""
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size().columns or COLUMNS
    except OSError:
        return COLUMNS

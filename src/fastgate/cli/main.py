"""Entry point of the `fastgate` command.

Exit codes: 0 done, 1 failed (the reason is on standard error), 2 wrong usage.
"""

import argparse
import sys

from fastgate.cli import bans, bundle, check, demo, health, plugins, reload, run, stop, version

COMMANDS = (run, check, reload, stop, health, plugins, bans, bundle, demo, version)
EXIT_FAILED = 1
EXIT_INTERRUPTED = 130      # 128 + SIGINT, as shells count


def main(argv: list[str] | None = None) -> int:
    """Runs one command. argv: without the program's name; `sys.argv` by default."""
    args = build_parser().parse_args(argv)
    try:
        return args.run(args)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:         # `fastgate check | head`: nobody reads any more
        sys.stderr.close()
        return EXIT_FAILED


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastgate", description="An API gateway: Kong's declarative files, a compiled core, one process.",
        epilog="`fastgate COMMAND --help` explains a command. Without a configuration: `fastgate demo`.")
    parser.add_argument("--version", action="version", version=version.text())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        added = commands.add_parser(
            command.NAME, help=command.HELP, description=command.DESCRIPTION,
            epilog="examples:\n" + "\n".join(f"  {line}" for line in command.EXAMPLES),
            formatter_class=argparse.RawDescriptionHelpFormatter)
        command.add_arguments(added)
        added.set_defaults(run=command.run)
    return parser

"""`fastgate run`."""

import argparse
import sys

from fastgate.cli import options

HELP = "run the gateway"
DESCRIPTION = """\
Runs the gateway in the foreground. SIGTERM or Ctrl-C ends it: requests that run are finished first, a
second one quits at once. SIGHUP reloads the configuration, SIGUSR1 reopens the access log.
Exit codes: 0 ended; 1 not started, or requests were cut by a second signal; 70 crashed."""
EXAMPLES = (
    "fastgate run",
    "fastgate run -c /etc/fastgate/fastgate.yaml",
    "fastgate run --listen 0.0.0.0:8000 --listen unix:/run/fastgate/proxy.sock --workers 2",
    "FASTGATE_LOG_LEVEL=debug fastgate run --access-log off",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    options.add_config(parser)
    options.add_unknown_plugins(parser)
    options.add_overrides(parser)


def run(args: argparse.Namespace) -> int:
    problem = options.missing_config(args.config)
    if problem:
        print(f"fastgate run: {problem}", file=sys.stderr)
        return 1
    from fastgate.control.ending import leave
    from fastgate.control.run import run_gateway
    from fastgate.control.source import file_source

    code = run_gateway(file_source(args.config, options.flags(args), args.allow_unknown_plugins))
    leave(code)
    return code

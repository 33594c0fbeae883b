"""`fastgate bans`."""

import argparse
import json
import sys
from typing import Any

from fastgate.cli import options
from fastgate.cli.ask import ask

HELP = "list, make or lift bans of addresses"
DESCRIPTION = """\
The addresses that the running gateway bans, because anti-bot did, because Redis says so, or by this command.
An IPv6 address stands for its /64. With gateway.redis all gateways that share it follow."""
EXAMPLES = (
    "fastgate bans list",
    "fastgate bans add 192.0.2.7 --seconds 600",
    "fastgate bans lift 192.0.2.7 -c /etc/fastgate/fastgate.yaml",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)
    listed = actions.add_parser("list", help="who is banned, and for how long yet")
    listed.add_argument("--json", action="store_true", help="as JSON, for programs")
    listed.set_defaults(act=_list)
    added = actions.add_parser("add", help="ban an address")
    added.add_argument("address", metavar="IP")
    added.add_argument("--seconds", type=float, default=3600, help="for how long (default: 3600)")
    added.set_defaults(act=_add)
    lifted = actions.add_parser("lift", help="let an address in again, and forget what it did")
    lifted.add_argument("address", metavar="IP")
    lifted.set_defaults(act=_lift)
    for action in (listed, added, lifted):
        options.add_config(action)
        options.add_control_socket(action, timeout_s=10)


def run(args: argparse.Namespace) -> int:
    return args.act(args)


def _list(args: argparse.Namespace) -> int:
    answer = _ask(args, "bans list")
    if answer is None:
        return 1
    if args.json:
        print(json.dumps(answer["bans"], indent=2))
        return 0
    for ban in answer["bans"]:
        why = f"score {ban['score']}" if ban["score"] else "by hand or by Redis"
        print(f"{ban['address']:<40} {ban['seconds']:>10.0f} s  {why}")
    return 0


def _add(args: argparse.Namespace) -> int:
    answer = _ask(args, "bans add", address=args.address, seconds=args.seconds)
    if answer is None:
        return 1
    print(f"banned: {answer['address']}, for {args.seconds:g} s")
    return 0


def _lift(args: argparse.Namespace) -> int:
    answer = _ask(args, "bans lift", address=args.address)
    if answer is None:
        return 1
    print(f"lifted: {answer['address']}")
    return 0


def _ask(args: argparse.Namespace, command: str, **arguments: Any) -> dict[str, Any] | None:
    """None: it did not work, which has been said."""
    answer = ask("bans", args, command, arguments=arguments)
    if answer is None:
        return None
    for error in answer["errors"]:
        print(f"fastgate bans: {error}", file=sys.stderr)
    return answer if answer["ok"] else None

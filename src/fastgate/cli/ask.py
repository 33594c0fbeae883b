"""What the commands that talk to a running gateway have in common: asking it."""

from __future__ import annotations

import argparse
import sys
from typing import Any


def ask(name: str, args: argparse.Namespace, command: str, **more: Any) -> dict[str, Any] | None:
    """The answer to `command` over the control socket; None: there was none, and standard error says why.

    name: of the command that asks, as its user typed it. args: with options.add_config's and add_control_socket's.
    more: as send_command's.
    """
    from fastgate.control.control_client import ControlError, find_socket, send_command

    try:
        return send_command(args.control_socket or find_socket(args.config), command, args.timeout, **more)
    except ControlError as error:
        print(f"fastgate {name}: {error}", file=sys.stderr)
        return None

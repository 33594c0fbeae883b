"""Arguments several commands share, and what they mean."""

import argparse
import os

DEFAULT_CONFIG = "fastgate.yaml"
ON = ("1", "true", "yes", "on")


def add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("-c", "--config", metavar="FILE", default=os.environ.get("FASTGATE_CONFIG", DEFAULT_CONFIG),
                        help="the configuration, YAML or JSON ($FASTGATE_CONFIG; default: ./fastgate.yaml)")


def add_unknown_plugins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--allow-unknown-plugins", action="store_true",
                        default=os.environ.get("FASTGATE_ALLOW_UNKNOWN_PLUGINS", "").lower() in ON,
                        help="leave out plugins this version does not have, and list them, instead of refusing the "
                             "file ($FASTGATE_ALLOW_UNKNOWN_PLUGINS=1)")


def add_control_socket(parser: argparse.ArgumentParser, timeout_s: float) -> None:
    parser.add_argument("--control-socket", metavar="PATH",
                        help="the gateway's control socket (default: found by the configuration file's path)")
    parser.add_argument("--timeout", metavar="SECONDS", type=float, default=timeout_s,
                        help=f"how long to wait for the gateway (default: {timeout_s:g})")


def add_overrides(parser: argparse.ArgumentParser) -> None:
    """Flags that win over the variables of the same name, which win over the file's `gateway:` section."""
    group = parser.add_argument_group(
        "instead of the file's gateway: section",
        "Each is also an environment variable. A flag wins over the variable, the variable over the file.")
    group.add_argument("--listen", "--proxy-listen", dest="listen", metavar="ADDR", action="append",
                       help="where clients connect: host:port, [IPv6]:port or unix:/path; may be repeated "
                            "($FASTGATE_PROXY_LISTEN, commas between)")
    group.add_argument("--status-listen", metavar="ADDR",
                       help="where /status and /metrics are: host:port, or off ($FASTGATE_STATUS_LISTEN)")
    group.add_argument("--workers", metavar="N", type=workers,
                       help="reactor threads: 1 to 64, or auto, one for each core ($FASTGATE_WORKERS)")
    group.add_argument("--log-level", metavar="LEVEL", choices=("debug", "info", "notice", "warn", "error"),
                       help="debug, info, notice, warn or error ($FASTGATE_LOG_LEVEL)")
    group.add_argument("--access-log", metavar="WHERE", help="stdout, off or a file's path ($FASTGATE_ACCESS_LOG)")


def flags(args: argparse.Namespace) -> dict:
    """The flags given, as keys of the `gateway:` section."""
    given = {"proxy_listen": args.listen, "status_listen": args.status_listen, "workers": args.workers,
             "log_level": args.log_level, "access_log": args.access_log}
    return {key: value for key, value in given.items() if value is not None}


def missing_config(path: str) -> str | None:
    """Why there is no configuration to read, or None when there is one."""
    if os.path.exists(path):
        return None
    if path == DEFAULT_CONFIG:
        return f"there is no {DEFAULT_CONFIG} here: name a file with -c FILE, or try `fastgate demo`"
    return f"{path}: no such file"


def workers(text: str) -> int | str:
    if text == "auto":
        return text
    if not text.isdecimal() or not 1 <= int(text) <= 64:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number from 1 to 64")
    return int(text)

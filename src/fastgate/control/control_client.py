"""Where a gateway's control socket is, and how a command is sent to it.

The path follows from the configuration file's real path, so that `fastgate reload -c FILE` finds
the process which runs FILE. Imports neither asyncio nor the core: the CLI starts with this alone.
"""

import hashlib
import json
import os
import socket
from collections.abc import Iterator, Mapping
from typing import Any

SHARED_RUNTIME_DIRECTORIES = ("/run/fastgate", "/run")


class ControlError(Exception):
    """No gateway answers on the control socket. The message says where it was looked for."""


def socket_name(config_path: str) -> str:
    digest = hashlib.sha256(os.path.realpath(config_path).encode("utf-8", "surrogateescape")).hexdigest()
    return f"fastgate-{digest[:12]}.sock"


def runtime_directory(environ: Mapping[str, str] = os.environ) -> str:
    """Where this process puts its control socket."""
    return next(_own_directories(environ))


def socket_path(config_path: str, configured: str = "", environ: Mapping[str, str] = os.environ) -> str:
    """The path a gateway of `config_path` listens on. `configured`: `gateway: control_socket`, "" = automatic."""
    return configured or os.path.join(runtime_directory(environ), socket_name(config_path))


def find_socket(config_path: str, environ: Mapping[str, str] = os.environ) -> str:
    """The control socket of a running gateway of `config_path`.

    A service has its own `$RUNTIME_DIRECTORY`, which the shell of whoever calls hasn't: all usual
    places are looked at, then the file's `control_socket`. Raises ControlError naming them.
    """
    name = socket_name(config_path)
    places = [*_own_directories(environ), *SHARED_RUNTIME_DIRECTORIES]
    candidates = list(dict.fromkeys(os.path.join(place, name) for place in places))
    for candidate in candidates:
        if os.path.exists(candidate):
            return candidate
    configured, problem = _configured_socket(config_path)
    if configured and os.path.exists(configured):
        return configured
    looked = ", ".join(filter(None, [*candidates, configured]))
    if problem:
        problem = f"; control_socket can't be read from it, name the socket with --control-socket: {problem}"
    raise ControlError(f"no running gateway found for {config_path} (no control socket at: {looked}){problem}")


def send_command(path: str, command: str, timeout_s: float, wait_for_end: bool = False,
                 arguments: Mapping[str, Any] | None = None) -> dict:
    """Sends one command, returns its answer: {"ok": bool, "errors": [str], "warnings": [str], …}.

    wait_for_end: after the answer, wait until the gateway has closed the connection, that is, ended.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(path)
            client.sendall(json.dumps({"command": command, "arguments": dict(arguments or {})}).encode() + b"\n")
            with client.makefile("rb") as stream:
                line = stream.readline()
                if wait_for_end and line and json.loads(line)["ok"]:
                    stream.read()
        except TimeoutError:
            raise ControlError(f"the gateway at {path} did not answer within {timeout_s:g} s") from None
        except ConnectionResetError:
            if not wait_for_end:
                raise ControlError(f"the gateway at {path} closed the connection without an answer") from None
            return {"ok": True, "errors": [], "warnings": []}
        except PermissionError:
            raise ControlError(f"{path} belongs to another user: run this as that user or as root") from None
        except OSError as error:
            raise ControlError(f"no gateway answers at {path}: {error.strerror or error}") from None
    if not line:
        raise ControlError(f"the gateway at {path} closed the connection without an answer")
    return json.loads(line)


def _own_directories(environ: Mapping[str, str]) -> Iterator[str]:
    if environ.get("RUNTIME_DIRECTORY"):
        yield environ["RUNTIME_DIRECTORY"].split(":")[0]
    if environ.get("XDG_RUNTIME_DIR"):
        yield environ["XDG_RUNTIME_DIR"]
    yield "/run" if os.geteuid() == 0 else f"/tmp/fastgate-{os.geteuid()}"


def _configured_socket(config_path: str) -> tuple[str, str]:
    """`gateway: control_socket` of a file that may otherwise be full of errors, for the point of a reload may be to
    see them; and why there is none, if the file is no YAML at all."""
    import yaml

    try:
        with open(config_path, "rb") as file:
            configured = yaml.load(file, getattr(yaml, "CSafeLoader", yaml.SafeLoader))["gateway"]["control_socket"]
    except yaml.YAMLError:
        return "", _fault_of(config_path)
    except (OSError, LookupError, TypeError):
        return "", ""
    return (configured, "") if isinstance(configured, str) else ("", "")


def _fault_of(config_path: str) -> str:
    """Why a file is no configuration at all, in the words of `fastgate check`; else nothing."""
    from fastgate.config.errors import ConfigErrors
    from fastgate.config.reader import form_of, parse, read_text

    try:
        parse(read_text(config_path), config_path, form_of(config_path))
    except ConfigErrors as errors:
        return str(errors)
    return ""

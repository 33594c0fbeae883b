"""What every contestant is given, and what is expected of it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable


@dataclass(frozen=True)
class Setup:
    """One start of one gateway: where it listens, what it forwards to, how large a day it expects.

    With `routes` == 0 every path goes to the origin. Otherwise exactly the paths
    that begin with `route_path(i)` do, 0 <= i < routes, plus `extra_path` if given.
    """

    folder: Path
    port: int
    origin_port: int
    workers: int = 1
    connections: int = 1024
    body_bytes: int = 0     # the larger of request and response: the peers may size their buffers by it
    routes: int = 0
    extra_path: str = ""
    form: str = "yaml"      # of fastgate's file: yaml or json
    policy: str = ""        # see policy.py

    def paths(self) -> list[str]:
        paths = [route_path(i) for i in range(self.routes)]
        return paths + [self.extra_path] if self.extra_path else paths


def route_path(i: int) -> str:
    return f"/r/{i:05d}/"


@dataclass(frozen=True)
class Peer:
    """A contestant. `configure` writes its files below `setup.folder` and returns the command line."""

    name: str
    title: str
    configure: Callable[[Setup], list[str]]
    version: Callable[[], str | None]           # None: not installed here
    reload_signal: int = 0                      # 0: has no reload
    is_proxy: bool = True                       # False: the relay, which knows no HTTP
    environment: dict[str, str] = field(default_factory=dict)


def first_line(argv: list[str], environment: dict[str, str] | None = None) -> str | None:
    """The first line that a command prints, or None when it can't be run."""
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=20, env=environment, check=False)
    except OSError:
        return None
    text = (done.stdout + done.stderr).strip()
    return text.splitlines()[0] if done.returncode == 0 and text else None

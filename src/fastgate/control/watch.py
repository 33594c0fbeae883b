"""`watch: true`: notices that the configuration file has changed.

It is looked at once a second, not waited for by inotify: a look costs one system call and sees every
way a file changes — written in place, renamed over, a symbolic link somewhere above it switched
(Kubernetes ConfigMaps) — on every file system, network and overlay ones included.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable

INTERVAL_S = 1.0
SETTLE_S = 0.1              # a file that still changes within this is still being written

Identity = tuple[int, int, int, int, int]


def file_identity(path: str) -> Identity | None:
    """What changes when the file behind the path does; None while there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def file_digest(path: str) -> bytes:
    """Of the content: a file that was only touched, or renamed over by an equal one, has not changed."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


class Watch:
    """Calls `on_change` after each change of the file's content. Owner: the lifecycle."""

    def __init__(self, path: str, on_change: Callable[[], Awaitable[object]], interval_s: float = INTERVAL_S) -> None:
        self._path = path
        self._on_change = on_change
        self._interval_s = interval_s
        self._identity = file_identity(path)
        self._digest = file_digest(path) if self._identity else b""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> bool:
        """One look; whether `on_change` was called."""
        identity = file_identity(self._path)
        if identity == self._identity or identity is None:      # gone: a rename in two steps, or a mistake
            return False
        while True:
            await asyncio.sleep(min(SETTLE_S, self._interval_s))
            settled = file_identity(self._path)
            if settled == identity:
                break
            identity = settled
        if identity is None:
            return False
        try:
            digest = file_digest(self._path)
        except OSError:         # gone again, or not readable yet: the next look sees it
            return False
        self._identity = identity
        if digest == self._digest:
            return False
        self._digest = digest
        await self._on_change()
        return True

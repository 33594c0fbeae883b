"""`watch: true`: notices that the configuration file, or a plugin in `plugin_path`, has changed.

They are looked at once a second, not waited for by inotify: a look costs one system call a file and sees every
way a file changes — written in place, renamed over, a symbolic link somewhere above it switched
(Kubernetes ConfigMaps) — on every file system, network and overlay ones included.
"""

import asyncio
import hashlib
import os
from collections.abc import Awaitable, Callable

from fastgate.control.source import Identity, file_identity

INTERVAL_S = 1.0
SETTLE_S = 0.1              # a file that still changes within this is still being written
_WATCHED = (".py", ".sig")

Identities = dict[str, Identity]


def file_digest(path: str) -> bytes:
    """Of the content: a file that was only touched, or renamed over by an equal one, has not changed."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).digest()


def plugin_files(folder: str | None) -> list[str]:
    """The sources and signatures of the plugins in the folder, packages' included."""
    try:
        names = sorted(os.listdir(folder)) if folder is not None else []
    except OSError:
        return []
    found = []
    for path in [os.path.join(folder or "", name) for name in names if name[0] not in "._"]:
        if path.endswith(_WATCHED):
            found.append(path)
        elif os.path.exists(os.path.join(path, "__init__.py")):
            for at, below, files in os.walk(path):
                below[:] = [name for name in below if name[0] != "." and name != "__pycache__"]
                found += [os.path.join(at, name) for name in files if name.endswith(_WATCHED) and name[0] != "."]
    return found


class Watch:
    """Calls `on_change` after each change of the files' content. Owner: the lifecycle."""

    def __init__(self, path: str, on_change: Callable[[], Awaitable[object]], interval_s: float = INTERVAL_S,
                 folder: Callable[[], str | None] = lambda: None, read_as: Identity | None = None) -> None:
        """folder: says where plugins are, now. read_as: the file when it was read, if that may be a while ago."""
        self._path = path
        self._on_change = on_change
        self._interval_s = interval_s
        self._folder = folder
        self._identities = self._look_at_all()
        self._digests: dict[str, bytes] = {}
        self._read(self._identities)
        if read_as is not None and self._identities.get(path) != read_as:
            self._identities.pop(path, None)        # what runs is another content: the first look sees a change
            self._digests.pop(path, None)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._interval_s)
            await self.look()

    async def look(self) -> bool:
        """One look; whether `on_change` was called."""
        found = self._look_at_all()
        if found == self._identities or self._path not in found:        # gone: a rename in two steps, or a mistake
            return False
        while True:
            await asyncio.sleep(min(SETTLE_S, self._interval_s))
            settled = self._look_at_all()
            if settled == found:
                break
            found = settled
        if self._path not in found:
            return False
        before = dict(self._digests)
        if not self._read(found):           # gone again, or not readable yet: the next look sees it
            return False
        if before == self._digests:
            return False
        await self._on_change()
        return True

    def _look_at_all(self) -> Identities:
        found = {path: file_identity(path) for path in (self._path, *plugin_files(self._folder()))}
        return {path: identity for path, identity in found.items() if identity is not None}

    def _read(self, found: Identities) -> bool:
        """Their digests, of those that are not as they were. False: one can't be read."""
        digests = {}
        for path, identity in found.items():
            if path in self._digests and self._identities.get(path) == identity:
                digests[path] = self._digests[path]
                continue
            try:
                digests[path] = file_digest(path)
            except OSError:
                return False
        self._identities, self._digests = found, digests
        return True

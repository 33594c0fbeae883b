"""The control group this process is in, as far as it bounds memory: systemd's MemoryMax=, a container's limit.

Past it the kernel kills, so `control.memory` stays below. Version 2 (`memory.max`) and version 1 are read.
"""

from __future__ import annotations

import os
from typing import NamedTuple

CGROUP = "/sys/fs/cgroup"
PROC_CGROUP = "/proc/self/cgroup"
NO_LIMIT = 1 << 60          # version 1 writes a huge number where there is none


class MemoryGroup(NamedTuple):
    folder: str
    limit: int              # bytes
    usage_file: str
    limit_file: str

    def again(self) -> MemoryGroup:
        """With the limit it has by now: `systemctl set-property` changes it under a running process."""
        try:
            return self._replace(limit=min(_number(f"{self.folder}/{self.limit_file}"), NO_LIMIT))
        except ValueError:      # "max"
            return self._replace(limit=NO_LIMIT)

    def used(self) -> int:
        """Bytes charged to it, but for files that no process has mapped: the kernel drops those first."""
        figures = {}
        with open(f"{self.folder}/memory.stat", encoding="ascii") as file:
            for line in file:
                name, _, value = line.partition(" ")
                figures[name.removeprefix("total_")] = int(value)       # version 1 has the sums under total_
        files = figures.get("inactive_file", 0) + figures.get("active_file", 0)
        mapped = figures.get("file_mapped", figures.get("mapped_file", 0))
        return _number(f"{self.folder}/{self.usage_file}") - max(0, files - mapped)


def find_group() -> MemoryGroup | None:
    """The tightest of the groups the process is in; None: none has a limit, or none can be read."""
    found: list[MemoryGroup] = []
    for root, path, limit_file, usage_file in _hierarchies():
        while True:
            folder = os.path.normpath(f"{root}/{path}")
            try:
                limit = _number(f"{folder}/{limit_file}")
                group = MemoryGroup(folder, limit, usage_file, limit_file)
                group.used()
                if limit < NO_LIMIT:
                    found.append(group)
            except (OSError, ValueError):       # "max", no such file, or a part of the tree we may not see
                pass
            if path in ("", "/"):
                break
            path = os.path.dirname(path)
    return min(found, key=lambda group: group.limit, default=None)


def _hierarchies() -> list[tuple[str, str, str, str]]:
    """(root, path below it, file of the limit, file of the usage)."""
    try:
        with open(PROC_CGROUP, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            found.append((CGROUP, path, "memory.max", "memory.current"))
        elif "memory" in controllers.split(","):
            found.append((f"{CGROUP}/memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes"))
    return found


def _number(path: str) -> int:
    with open(path, encoding="ascii") as file:
        return int(file.read())

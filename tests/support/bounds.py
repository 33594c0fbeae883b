"""What bounds the memory of a gateway in a test: a real control group where one can be made, and resource limits.

A bound is entered before the gateway starts and told of it afterwards:

    with BOUNDS[0](64 * MIB) as bound:
        gateway = start_gateway(config, program=bound.program)
        gateway.wait_for_log(bound.hold(gateway.pid))       # what it says once it holds to it
        ...
        assert bound.kills() == 0

`BOUNDS` are those that can be had here, strongest first. The kernel kills who passes a group's limit, and lets nobody
past a resource limit: malloc gets NULL then.
"""

from __future__ import annotations

import itertools
import os
import re
import resource
from pathlib import Path

from fastgate.config.memory_budget import text
from support.process import PYTHON

MIB = 2**20
FASTGATE = (*PYTHON, "-m", "fastgate")
# It is in the group before it is Python: what was charged before would stay charged to ours.
JOIN = ("/bin/sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"')
_numbers = itertools.count()


class _Group:
    """A control group of its own, below the test's. Gone, with the gateway's last process, at the end."""

    def __init__(self, limit: int) -> None:
        parent = self.parent()
        if not (parent / "cgroup.procs").exists():      # a folder in which version 1's hierarchies are mounted, say
            raise FileNotFoundError(parent)
        self.folder = parent / f"fastgate-test-{os.getpid()}-{next(_numbers)}"
        self._limit = limit
        self.program = (*JOIN, str(self.folder), *FASTGATE)

    def __enter__(self):
        self.folder.mkdir()
        try:
            self.set_limit(self._limit)
        except OSError:
            self.folder.rmdir()
            raise
        return self

    def __exit__(self, *exc) -> None:
        self.folder.rmdir()

    def hold(self, pid: int) -> str:
        """It is held from its first byte on, so it says nothing now."""
        return ""

    def set_limit(self, limit: int) -> str:
        """What a running gateway with a budget says to it; an empty text: nothing."""
        with open(self.folder / self.LIMIT, "r+") as file:       # the kernel's: it is not ours to make
            file.write(str(limit))
        return f"{self.folder}: the limit is now {limit // MIB} MiB"

    def kills(self) -> int:
        found = re.search(r"^oom_kill (\d+)", (self.folder / self.EVENTS).read_text(), re.M)
        return int(found[1])


class GroupVersion1(_Group):
    LIMIT, EVENTS = "memory.limit_in_bytes", "memory.oom_control"

    @staticmethod
    def parent() -> Path:
        return Path("/sys/fs/cgroup/memory") / _own("memory")


class GroupVersion2(_Group):
    LIMIT, EVENTS = "memory.max", "memory.events"

    @staticmethod
    def parent() -> Path:
        return Path("/sys/fs/cgroup") / _own("")


class _Rlimit:
    """What the gateway takes when it is ready, and as much more as the limit leaves of what is resident then."""

    program = FASTGATE

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pid = 0

    def __enter__(self):
        return self

    def __exit__(self, *exc) -> None:
        pass

    def hold(self, pid: int) -> str:
        self._pid = pid
        return self.set_limit(self._limit)

    def set_limit(self, limit: int) -> str:
        status = Path(f"/proc/{self._pid}/status").read_text()
        taken = {name: int(number) << 10 for name, number in re.findall(r"(\w+):\s+(\d+) kB", status)}
        _, hard = resource.prlimit(self._pid, self.RESOURCE)
        most = taken[self.FIELD] + limit - taken["VmRSS"]
        resource.prlimit(self._pid, self.RESOURCE, (most, hard))
        return f"RLIMIT_DATA: the limit is now {text(most)}" if self.FIELD == "VmData" else ""

    def kills(self) -> int:
        return 0


class Data(_Rlimit):
    RESOURCE, FIELD = resource.RLIMIT_DATA, "VmData"


class Addresses(_Rlimit):
    """A gateway does not look at it: each thread of glibc's reserves 64 MiB, and a number says little."""

    RESOURCE, FIELD = resource.RLIMIT_AS, "VmSize"


def _own(controller: str) -> str:
    """The path of our group in this controller's hierarchy; "": version 2's."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path.lstrip("/")
    raise FileNotFoundError(controller)


def _can_be_had(kind) -> bool:
    try:
        with kind(64 * MIB) as group:
            return group.kills() == 0
    except (OSError, TypeError):        # no such hierarchy, not for us, or its events are not counted
        return False


GROUPS = [kind for kind in (GroupVersion2, GroupVersion1) if _can_be_had(kind)][:1]
BOUNDS = [*GROUPS, Data] if GROUPS else [Data, Addresses]

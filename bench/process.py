"""One started program with all its processes and threads: their CPU time, memory and end."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple

STOP_S = 10.0
FOLLOW_S = 1.0      # for children, after their parent
READY_S = 60.0


class Cpu(NamedTuple):
    """Nanoseconds, over all threads of all processes."""

    ran: int
    waited: int     # ready to run, but the core was busy with others


class Memory(NamedTuple):
    """Bytes; shared pages count once per process in `rss`, divided among their users in `pss`."""

    rss: int
    pss: int


class Program:
    """A command run pinned to one core, ended with everything it started.

    Its standard error goes to a file that `fail` shows. `batch`: under SCHED_BATCH, so that
    it is woken for many events at a time and disturbs the gateway least.
    """

    def __init__(self, argv: list[str], core: int | None, *, batch: bool = False,
                 environment: dict[str, str] | None = None, pipes: bool = False) -> None:
        prefix = ["taskset", "-c", str(core)] if core is not None else []
        if batch:
            prefix += ["chrt", "-b", "0"]
        self.argv = argv
        self.errors: IO[bytes] = tempfile.TemporaryFile()
        pipe = subprocess.PIPE if pipes else subprocess.DEVNULL
        self.popen = subprocess.Popen([*prefix, *argv], stdin=pipe, stdout=pipe, stderr=self.errors, text=pipes,
                                      env={**os.environ, **(environment or {})})

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def pids(self) -> list[int]:
        found = [self.popen.pid]
        for pid in found:       # grows while it is walked
            for task in tasks(pid):
                try:
                    found += [int(child) for child in (task / "children").read_text().split()]
                except OSError:
                    continue    # that thread has just ended
        return found

    def cpu(self) -> Cpu:
        ran = waited = 0
        for pid in self.pids():
            for task in tasks(pid):
                try:
                    fields = (task / "schedstat").read_text().split()
                except OSError:
                    continue
                ran += int(fields[0])
                waited += int(fields[1])
        return Cpu(ran, waited)

    def memory(self) -> Memory:
        rss = pss = 0
        for pid in self.pids():
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
        return Memory(rss, pss)

    def peak(self) -> int:
        """The most bytes its processes ever had resident, each at its own time."""
        return sum(int(line.split()[1]) * 1024 for pid in self.pids()
                   for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:"))

    def fail(self, what: str) -> RuntimeError:
        self.errors.seek(0)
        text = self.errors.read()[-2000:].decode(errors="replace").strip()
        return RuntimeError(f"{what}: {' '.join(self.argv)}" + (f"\n{text}" if text else ""))

    def wait_ready(self, port: int, path: str = "/", headers: Sequence[str] = ()) -> float:
        """Waits for the first proxied 200 on `port`; the moment it came (monotonic)."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            if get_status(port, path, headers) == 200:
                return time.monotonic()
            if self.popen.poll() is not None:
                raise self.fail(f"ended with {self.popen.returncode} before it answered")
            time.sleep(0.0005)
        raise self.fail(f"no answer within {READY_S:.0f} s")

    def stop(self) -> None:
        children = {pid: started(pid) for pid in self.pids()[1:]}
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        for pid, when in children.items():
            end_child(pid, when)
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe:
                pipe.close()
        self.errors.close()


def started(pid: int) -> str:
    """When that process started, in ticks, which tells it from a later one of the same number; empty: it has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def end_child(pid: int, when: str) -> None:
    """Waits for a child that started then to follow its parent, and ends it when it doesn't."""
    deadline = time.monotonic() + FOLLOW_S
    while when and started(pid) == when:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return []


def get(port: int, path: str, headers: Sequence[str] = (), timeout: float = 10.0) -> tuple[int, bytes]:
    """Status and body of one GET with Connection: close. OSError: refused or broken off."""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        lines = [f"GET {path} HTTP/1.1", "Host: bench.example", "Connection: close", *headers, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        answer = bytearray()
        while True:
            piece = connection.recv(262144)
            if not piece:
                break
            answer += piece
            head, blank, body = answer.partition(b"\r\n\r\n")
            if blank and len(body) >= content_length(head):
                return int(head[9:12]), bytes(body)
    raise ConnectionError("closed before the answer was complete")


def content_length(head: bytes | bytearray) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def get_status(port: int, path: str, headers: Sequence[str] = ()) -> int:
    """The status of one GET, 0 when there was none."""
    try:
        return get(port, path, headers)[0]
    except (OSError, ValueError):
        return 0


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, below those the kernel gives to clients."""
    for port in random.sample(range(20000, 32000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError("no free port")


def required(*commands: str) -> None:
    missing = [command for command in commands if not shutil.which(command)]
    if missing:
        raise SystemExit(f"bench: not installed: {', '.join(missing)} (docs/benchmarks.md says what is needed)")

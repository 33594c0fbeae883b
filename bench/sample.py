"""Rounds of samples: each contestant in turn, again and again, everything else the same."""

from __future__ import annotations

import contextlib
import json
import os
import random
import tempfile
from pathlib import Path
from typing import Callable

import machine
from peers import Peer, Setup, policy_headers
from process import Cpu, Program, free_port, get
from programs import program
from scenarios import Scenario

Log = Callable[[str], None]


class Origin(Program):
    """The upstream of one scenario, on the load's core."""

    def __init__(self, body_bytes: int) -> None:
        self.port = free_port()
        super().__init__([str(program("origin")), str(self.port), str(body_bytes)], machine.cores()[1], batch=True)
        self.wait_ready(self.port)

    def counts(self) -> dict[str, int]:
        """Connections accepted (with the one that asks this) and requests answered since the start."""
        return json.loads(get(self.port, "/_stats")[1])


class Load(Program):
    """`load.c` on its core: warmed up when this returns, begins at `run`."""

    def __init__(self, port: int, arguments: list[str]) -> None:
        super().__init__([str(program("load")), str(port), *arguments], machine.cores()[1], batch=True, pipes=True)
        if self._line() != "ready":
            failure = self.fail("the warm-up failed")
            self.stop()
            raise failure

    def _line(self) -> str:
        assert self.popen.stdout
        return self.popen.stdout.readline().strip()

    def begin(self) -> None:
        assert self.popen.stdin
        self.popen.stdin.write("go\n")
        self.popen.stdin.flush()

    def result(self) -> dict:
        line = self._line()
        if not line:
            raise self.fail("the load ended without a result")
        return json.loads(line)


def empty_log(folder: Path) -> None:
    """Takes what a gateway has logged away; all append.

    Otherwise the disk falls behind what samples write in seconds, and the kernel lets each
    writer work for it: that measures the disk.
    """
    with contextlib.suppress(FileNotFoundError):
        os.truncate(folder / "access.log", 0)


def gateway(peer: Peer, setup: Setup) -> Program:
    return Program(peer.configure(setup), machine.cores()[0], environment=peer.environment)


def take(running: Program, port: int, origin: Origin, scenario: Scenario, seconds: float) -> dict:
    """One sample. RuntimeError: a request failed, so that its figures mean nothing."""
    with Load(port, [*scenario.load_arguments(), "-t", str(int(seconds * 1000))]) as load:
        counts_before, cpu_before = origin.counts(), running.cpu()
        load.begin()
        result = load.result()
        cpu_after, counts_after = running.cpu(), origin.counts()
    if result["errors"] or not result["requests"]:
        raise running.fail(f"{scenario.name}: {result['errors']} of {result['requests']} requests failed")
    cpu = Cpu(cpu_after.ran - cpu_before.ran, cpu_after.waited - cpu_before.waited)
    # Of the connections accepted since, one was the second question's.
    opened = counts_after["connections"] - counts_before["connections"] - 1
    return {
        "cpu_us": cpu.ran / 1000 / result["requests"],
        "rps": result["requests"] / result["seconds"],
        "requests": result["requests"],
        "seconds": result["seconds"],
        "busy": cpu.ran / 1e9 / result["seconds"],
        "waited": cpu.waited / 1e9 / result["seconds"],
        "opened": opened,
        "reuse": 1 - opened / result["requests"],
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
    }


def run(scenario: Scenario, peers: list[Peer], rounds: int, seconds: float, log: Log) -> dict[str, list[dict]]:
    """Samples by peer, `rounds` each. All gateways stay up; one at a time is loaded, in a new order each round."""
    peers = [peer for peer in peers if scenario.fits(peer)]
    samples: dict[str, list[dict]] = {peer.name: [] for peer in peers}
    with contextlib.ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastgate-bench-")))
        origin = stack.enter_context(Origin(scenario.response_bytes))
        running: dict[str, tuple[Program, Setup]] = {}
        for peer in peers:
            folder = top / peer.name.replace("/", "_")
            folder.mkdir()
            setup = scenario.setup(folder, origin.port)
            process = stack.enter_context(gateway(peer, setup))
            process.wait_ready(setup.port, scenario.first_path(), policy_headers(scenario.policy))
            running[peer.name] = process, setup
        order = random.Random(scenario.name)
        for number in range(1, rounds + 1):
            for peer in order.sample(peers, len(peers)):
                process, setup = running[peer.name]
                empty_log(setup.folder)
                sample = take(process, setup.port, origin, scenario, seconds)
                samples[peer.name].append(sample)
                log(f"  {number}/{rounds} {peer.name:<12} {sample['cpu_us']:9.2f} µs  {sample['rps']:9.0f}/s"
                    f"  busy {sample['busy']:4.0%}  waited {sample['waited']:4.0%}")
    return samples

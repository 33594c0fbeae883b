"""Runs fastgate, nginx, HAProxy, nginx + Lua and a byte relay side by side.

    python bench/run.py                     everything (about 25 minutes)
    python bench/run.py --quick             the same kinds, briefly: to see that it works
    python bench/run.py --scenario small --scenario idle --peers relay,fastgate,nginx
    python bench/run.py --peers relay,fastgate,fastgate=/path/to/another/tree

docs/benchmarks.md says what is measured and how to read it.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Callable

import figures
import machine
import sample
import summary
from peers import DEFAULT, OURS, TAKES_POLICY, Peer, choose
from process import required
from scenarios import SCENARIOS

SCHEMA = 1      # of the JSON


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Benchmark fastgate beside other gateways.")
    names = [scenario.name for scenario in SCENARIOS] + list(summary.FIGURES)
    parser.add_argument("--scenario", action="append", choices=names, help="only this (repeatable)")
    parser.add_argument("--peers", default=",".join(DEFAULT), help="comma list; fastgate=DIR: another tree")
    parser.add_argument("--quick", action="store_true", help="2 rounds of half a second")
    parser.add_argument("--rounds", type=int, help="samples of each peer (default 7)")
    parser.add_argument("--seconds", type=float, help="length of a sample (default 3)")
    parser.add_argument("--json", type=Path, help="write machine, versions and every sample to this file")
    given = parser.parse_args()
    given.rounds = given.rounds or (2 if given.quick else 7)
    given.seconds = given.seconds or (0.5 if given.quick else 3.0)
    given.scenario = given.scenario or names
    return given


def installed(peers: list[Peer]) -> list[Peer]:
    """Those that are here; says which are not."""
    for peer in peers:
        if peer.version() is None:
            print(f"bench: {peer.name} is not installed, left out", file=sys.stderr)
    return [peer for peer in peers if peer.version() is not None]


def log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def contestants(figure: str, peers: list[Peer]) -> dict[str, Callable[[], dict]]:
    """What to call for one sample, by name. The relay has neither reload nor routes nor pooled upstreams; plugins in
    Python, and many gateways on a board, are ours alone."""
    peers = [peer for peer in peers if peer.is_proxy]
    if figure in ("python", "fleet"):
        measure = {"python": figures.python, "fleet": figures.fleet}[figure]
        return {peer.name: partial(measure, peer) for peer in peers if peer.name.startswith(OURS)}
    if figure in ("loaded", "start-jwt"):
        measure = figures.loaded if figure == "loaded" else partial(figures.start, policy="jwt")
        return {peer.name: partial(measure, peer) for peer in peers if peer.name.startswith(TAKES_POLICY)}
    if figure != "publish":
        measure = {"idle": figures.idle, "rest": figures.rest, "start": figures.start}[figure]
        return {peer.name: partial(measure, peer) for peer in peers}
    calls: dict[str, Callable[[], dict]] = {}
    for peer in peers:
        if peer.name.startswith(OURS):
            calls |= {f"{peer.name} ({form})": partial(figures.publish, peer, form) for form in ("yaml", "json")}
        else:
            calls[peer.name] = partial(figures.publish, peer, "")
    return calls


def figure_samples(figure: str, peers: list[Peer], rounds: int) -> dict[str, list[dict]]:
    """Samples by name, everybody in turn."""
    calls = contestants(figure, peers)
    samples: dict[str, list[dict]] = {name: [] for name in calls}
    for number in range(1, rounds + 1):
        for name, call in calls.items():
            taken = call()
            samples[name].append(taken)
            shown = "  ".join(f"{key} {value:,.0f}" for key, value in taken.items() if isinstance(value, (int, float)))
            log(f"  {number}/{rounds} {name:<16} {shown}")
    return samples


def save(file: Path | None, result: dict) -> None:
    if file:
        file.write_text(json.dumps(result, indent=1) + "\n")


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))      # so that what runs is ended
    given = arguments()
    required("gcc", "taskset", "chrt")
    try:
        peers = installed(choose(given.peers.split(",")))
    except ValueError as error:
        raise SystemExit(f"bench: {error}") from None
    if not peers:
        raise SystemExit("bench: nothing to measure")
    result: dict = {
        "schema": SCHEMA,
        "machine": machine.facts(),
        "versions": machine.versions(peers),
        "rounds": given.rounds,
        "seconds": given.seconds,
        "scenarios": {},
        "figures": {},
    }
    print(f"fastgate {result['machine']['revision']}, {result['machine']['cpu']}, {given.rounds} rounds of {given.seconds} s")
    for scenario in SCENARIOS:
        if scenario.name not in given.scenario:
            continue
        log(scenario.title)
        samples = sample.run(scenario, peers, given.rounds, given.seconds, log)
        rows = summary.scenario_summary(samples)
        result["scenarios"][scenario.name] = {"title": scenario.title, "summary": rows, "samples": samples}
        print(f"\n{summary.scenario_table(scenario.title, rows)}", flush=True)
        save(given.json, result)
    for name, (title, key, *_) in summary.FIGURES.items():
        if name not in given.scenario:
            continue
        log(title)
        samples = figure_samples(name, peers, min(given.rounds, 5))
        if not samples:
            continue
        result["figures"][name] = {"title": title, "summary": summary.figure_summary(samples, key), "samples": samples}
        print(f"\n{summary.figure_table(name, samples)}", flush=True)
        save(given.json, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())

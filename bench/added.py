"""What policies add to a request: CPU of a gateway with them, less that of one without, round by round.

    python bench/added.py [--rounds 25] [--seconds 0.7] [--connections 128] [--tree DIR]

Scenarios `key` and `jwt` of fastgate, each beside a plain gateway that is sent the same
requests (and that of the key again by a second one: so far two equal gateways differ). All
gateways are up together on one core and loaded in turn, in a new order each round:
neighbours' noise then hits all alike, which between whole runs it does not.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import sample
from peers import Setup, fastgate, policy_headers
from process import Program, required
from scenarios import SCENARIOS, Scenario
from summary import ratios, spread

# what is measured, and what it is measured against
BESIDE = {"key": "plain, sent the key", "plain again, sent the key": "plain, sent the key",
          "jwt": "plain, sent the token"}


def contestants(connections: int) -> dict[str, Scenario]:
    by_name = {scenario.name: replace(scenario, connections=connections) for scenario in SCENARIOS}
    small = by_name["small"]
    return {
        "plain, sent the key": replace(small, asks_as="key"),
        "plain again, sent the key": replace(small, asks_as="key"),
        "key": by_name["key"],
        "plain, sent the token": replace(small, asks_as="jwt"),
        "jwt": by_name["jwt"],
    }


def take_rounds(scenarios: dict[str, Scenario], tree: Path, rounds: int, seconds: float) -> dict[str, list[dict]]:
    peer = fastgate.peer(tree=tree)
    samples: dict[str, list[dict]] = {name: [] for name in scenarios}
    order = random.Random(0)
    with contextlib.ExitStack() as stack:
        top = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fastgate-bench-")))
        origin = stack.enter_context(sample.Origin(next(iter(scenarios.values())).response_bytes))
        running: dict[str, tuple[Program, Setup]] = {}
        for number, (name, scenario) in enumerate(scenarios.items()):
            folder = top / str(number)
            folder.mkdir()
            setup = scenario.setup(folder, origin.port)
            process = stack.enter_context(sample.gateway(peer, setup))
            process.wait_ready(setup.port, scenario.first_path(), policy_headers(scenario.policy))
            running[name] = process, setup
        for _ in range(rounds):
            for name in order.sample(list(scenarios), len(scenarios)):
                process, setup = running[name]
                sample.empty_log(setup.folder)
                samples[name].append(sample.take(process, setup.port, origin, scenarios[name], seconds))
    return samples


def table(samples: dict[str, list[dict]]) -> str:
    lines = ["| | CPU µs/request | ÷ plain | added µs |", "|---|---|---|---|"]
    for name, own in samples.items():
        cpu = spread([one["cpu_us"] for one in own])
        line = f"| {name} | {cpu['median']:.2f} ({cpu['q1']:.2f}–{cpu['q3']:.2f}) |"
        if name in BESIDE:
            plain = samples[BESIDE[name]]
            added = spread([one["cpu_us"] - other["cpu_us"] for one, other in zip(own, plain, strict=True)])
            line += (f" {ratios(own, plain)['median']:.3f} |"
                     f" {added['median']:+.2f} ({added['q1']:+.2f} to {added['q3']:+.2f}) |")
        else:
            line += " | |"
        lines.append(line)
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="What policies add to a request.")
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--seconds", type=float, default=0.7)
    parser.add_argument("--connections", type=int, default=128)
    parser.add_argument("--tree", type=Path, default=fastgate.HERE, help="another tree, built in place")
    given = parser.parse_args()
    required("gcc", "taskset", "chrt")
    print(table(take_rounds(contestants(given.connections), given.tree, given.rounds, given.seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())

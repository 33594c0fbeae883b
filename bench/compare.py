"""Judges this tree against another one that ran beside it: regression or noise.

    python bench/run.py --peers relay,relay-again,fastgate,fastgate=build/against --json both.json
    python bench/compare.py both.json

Both trees took every sample in turn, so each round gives a ratio in which the machine cancels out. A scenario is
worse when three of four rounds say so (the lower quartile) by more than the tolerance and more than the noise floor,
which is what two copies of one relay differ by in the same run. A figure (memory, start) has no pairs: it is worse when
its median is over the tolerance and even its least sample is above the other tree's largest. Exit code 1: something is worse.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

from peers import FLOOR, FLOOR_AGAIN, OURS
from summary import FIGURES, ratios

TOLERANCE = 0.05
FIGURE_TOLERANCE = 0.10


def other_tree(names: list[str]) -> str:
    """The peer that is the other tree. ValueError: there is none."""
    for name in names:
        if name.startswith(f"{OURS}="):
            return name
    raise ValueError(f"no other tree in it: run with --peers {FLOOR},{FLOOR_AGAIN},{OURS},{OURS}=DIR")


def noise(samples: dict[str, list[dict]]) -> float:
    """How far from 1 the quartiles of the relay against itself lie."""
    if FLOOR_AGAIN not in samples:
        raise ValueError(f"no noise floor in it: run with --peers {FLOOR},{FLOOR_AGAIN},…")
    ratio = ratios(samples[FLOOR_AGAIN], samples[FLOOR])
    return max(ratio["q3"] - 1, 1 - ratio["q1"], 0.0)


def scenario_line(samples: dict[str, list[dict]], tolerance: float = TOLERANCE) -> tuple[bool, str]:
    """Whether it is worse, and the figures."""
    ratio = ratios(samples[OURS], samples[other_tree(list(samples))])
    allowed = 1 + max(tolerance, noise(samples))
    return ratio["q1"] > allowed, f"{ratio['median']:.3f} ({ratio['q1']:.3f}–{ratio['q3']:.3f}), allowed {allowed:.3f}"


def figure_line(samples: dict[str, list[dict]], key: str, tolerance: float = FIGURE_TOLERANCE) -> tuple[bool, str]:
    """The same for a figure; its samples are not in pairs."""
    ours, other = ([sample[key] for sample in samples[name]] for name in (OURS, other_tree(list(samples))))
    ratio = statistics.median(ours) / statistics.median(other)
    return ratio > 1 + tolerance and min(ours) > max(other), f"{ratio:.3f}, allowed {1 + tolerance:.3f} unless the samples overlap"


def verdicts(result: dict) -> list[tuple[bool, str]]:
    """One for each scenario and figure that both trees ran."""
    lines = []
    for name, scenario in result["scenarios"].items():
        is_worse, shown = scenario_line(scenario["samples"])
        lines.append((is_worse, f"{name:<10} {shown}"))
    for name, figure in result["figures"].items():
        is_worse, shown = figure_line(figure["samples"], FIGURES[name][1])
        lines.append((is_worse, f"{name:<10} {shown}"))
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description="Judge this tree against another one that ran beside it.")
    parser.add_argument("result", type=Path, help="what bench/run.py --json wrote")
    given = parser.parse_args()
    try:
        lines = verdicts(json.loads(given.result.read_text()))
    except ValueError as error:
        raise SystemExit(f"{given.result}: {error}") from None
    if not lines:
        raise SystemExit(f"{given.result}: nothing was measured")
    for is_worse, shown in lines:
        print(f"{'worse' if is_worse else 'fine':<6} {shown}")
    return int(any(is_worse for is_worse, _ in lines))


if __name__ == "__main__":
    sys.exit(main())

"""Puts the figures of a run into a page, between `<!-- figures -->` and `<!-- /figures -->`.

    python bench/readme.py results.json README.md

The JSON is `run.py`'s. What was not measured gets no row. Where `chart.py` has drawn docs/bench.svg, it is shown.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from chart import PEERS, caption
from peers import FLOOR
from summary import FIGURES

CHART = "docs/bench.svg"
BLOCK = re.compile(r"(<!-- figures -->\n).*?(<!-- /figures -->)", re.S)


def cost_table(scenarios: dict) -> list[str]:
    """One row a scenario, one column a peer: CPU time per request, the relay's being 1."""
    peers = [peer for peer in PEERS if any(peer in scenario["summary"] for scenario in scenarios.values())]
    rows = [f"| CPU per request | {' | '.join(PEERS[peer] for peer in peers)} |", "|---" * (len(peers) + 1) + "|"]
    for scenario in scenarios.values():
        cells = [_ratio(scenario["summary"].get(peer, {}).get(f"to_{FLOOR}")) for peer in peers]
        rows.append(f"| {scenario['title']} | {' | '.join(cells)} |")
    return rows


def figure_table(figures: dict) -> list[str]:
    """One row a figure, one column a peer; "fastgate (json)" is a second entry of fastgate's."""
    peers = [peer for peer in PEERS
             if any(_is_of(name, peer) for figure in figures.values() for name in figure["summary"])]
    rows = [f"| | {' | '.join(PEERS[peer] for peer in peers)} |", "|---" * (len(peers) + 1) + "|"]
    for key, figure in figures.items():
        cells = [", ".join(_median(key, row["median"]) + name[len(peer):] for name, row in figure["summary"].items()
                           if _is_of(name, peer)) or "—" for peer in peers]
        rows.append(f"| {figure['title']} | {' | '.join(cells)} |")
    return rows


def block(result: dict, has_chart: bool) -> str:
    parts = [f"![CPU time per request]({CHART})", ""] if has_chart else []
    if result["scenarios"]:
        parts += [*cost_table(result["scenarios"]), ""]
    if result["figures"]:
        parts += [*figure_table(result["figures"]), ""]
    return "\n".join([*parts, f"fastgate {result['machine']['revision']}; {caption(result)[0]}", ""])


def filled(page: str, result: dict, has_chart: bool = False) -> str:
    if not BLOCK.search(page):
        raise SystemExit("readme: the page has no <!-- figures --> … <!-- /figures -->")
    return BLOCK.sub(lambda found: f"{found[1]}{block(result, has_chart)}{found[2]}", page)


def _is_of(name: str, peer: str) -> bool:
    return name == peer or name.startswith(f"{peer} (")


def _median(key: str, median: float) -> str:
    _, _, unit, divisor, decimals = FIGURES[key]
    return f"{median / divisor:,.{decimals}f} {unit}"


def _ratio(ratio: dict | None) -> str:
    if ratio is None:
        return "—"
    return "1" if ratio["q1"] == ratio["q3"] == 1 else f"{ratio['median']:.2f} ({ratio['q1']:.2f}–{ratio['q3']:.2f})"


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    page = Path(sys.argv[2])
    result = json.loads(Path(sys.argv[1]).read_text())
    page.write_text(filled(page.read_text(), result, (page.parent / CHART).is_file()))
    return 0


if __name__ == "__main__":
    sys.exit(main())

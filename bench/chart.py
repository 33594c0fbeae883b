"""Draws the README's chart from the JSON of `run.py`.

    python bench/chart.py results.json docs/bench.svg

CPU time of the gateway process per request, the byte relay's being 1; axes begin at 0;
the thin line on a bar spans the quartiles over the rounds. Readable on light and dark pages.
"""

from __future__ import annotations

import json
import math
import sys
from html import escape
from pathlib import Path

from peers import FLOOR, OURS

GROUPS = ["small", "get-100k", "post-1k", "routes", "close"]
PEERS = {FLOOR: "byte relay", OURS: "fastgate", "haproxy": "HAProxy", "nginx": "nginx", "openresty": "nginx + Lua"}

WIDTH, LEFT, RIGHT = 760, 110, 60       # of the whole, of the names, for the figures behind bars
TOP, TITLE, BAR, GAP, BOTTOM = 58, 22, 17, 12, 58

STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px } .group { font-weight: 600 } .quiet { fill: #57606a; font-size: 11px }
.ours { fill: #1a7f37 } .floor { fill: #8c959f } .other { fill: #b6bec8 }
.spread { stroke: #24292f; stroke-width: 1.2 } .grid { stroke: #d0d7de; stroke-width: 1 } .one { stroke: #8c959f }
@media (prefers-color-scheme: dark) {
 text { fill: #e6edf3 } .quiet { fill: #9198a1 } .ours { fill: #3fb950 } .floor { fill: #7d8590 } .other { fill: #484f58 }
 .spread { stroke: #e6edf3 } .grid { stroke: #30363d } .one { stroke: #7d8590 }
}
"""


def bars(result: dict) -> list[tuple[str, list[tuple[str, dict]]]]:
    """(title, [(peer, its ratio to the relay)]) of each group measured."""
    groups = []
    for name in GROUPS:
        scenario = result["scenarios"].get(name)
        if scenario:
            rows = [(peer, scenario["summary"][peer][f"to_{FLOOR}"]) for peer in PEERS if peer in scenario["summary"]]
            groups.append((scenario["title"], rows))
    return groups


def caption(result: dict) -> list[str]:
    machine, versions = result["machine"], result["versions"]
    others = ", ".join(versions[peer] for peer in ("nginx", "haproxy") if peer in versions)
    return [
        f"{machine['cpu']}, {machine['cores']} cores{' (virtual)' if machine['is_virtual'] else ''}, Linux {machine['kernel'].split('-')[0]}; "
        f"{others}; {result['rounds']} rounds of {result['seconds']:g} s, {machine['date'][:10]}",
        "One core for the gateway, 128 clients. Less is better; the thin line spans the quartiles. docs/benchmarks.md",
    ]


def draw(result: dict) -> str:
    groups = bars(result)
    if not groups:
        raise SystemExit("chart: no scenario of the chart is in that file")
    most = max(max(ratio["median"], ratio["q3"]) for _, rows in groups for _, ratio in rows)
    top_of_scale = math.ceil(most * 2) / 2
    scale = (WIDTH - LEFT - RIGHT) / top_of_scale
    height = TOP + BOTTOM + sum(TITLE + BAR * len(rows) + GAP for _, rows in groups)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
        f'aria-label="CPU time per request, relative to a byte relay"><style>{STYLE}</style>',
        '<text class="title" x="8" y="22">CPU time per proxied request</text>',
        '<text class="quiet" x="8" y="40">of the gateway process; a byte relay that parses nothing = 1</text>',
    ]
    y = TOP
    for title, rows in groups:
        parts.append(f'<text class="group" x="8" y="{y + 15}">{escape(title)}</text>')
        y += TITLE
        parts += grid(y, y + BAR * len(rows), top_of_scale, scale)
        for peer, ratio in rows:
            parts += bar(peer, ratio, y, scale)
            y += BAR
        y += GAP
    for whole in range(int(top_of_scale) + 1):
        parts.append(f'<text class="quiet" x="{LEFT + whole * scale:.1f}" y="{y + 4}" text-anchor="middle">{whole}</text>')
    for number, line in enumerate(caption(result)):
        parts.append(f'<text class="quiet" x="8" y="{y + 24 + 15 * number}">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def grid(top: int, bottom: int, top_of_scale: float, scale: float) -> list[str]:
    """A line at each half, the one at 1 stronger."""
    lines = []
    for half in range(int(top_of_scale * 2) + 1):
        x = LEFT + half / 2 * scale
        kind = "grid one" if half == 2 else "grid"
        lines.append(f'<line class="{kind}" x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{bottom}"/>')
    return lines


def bar(peer: str, ratio: dict, y: int, scale: float) -> list[str]:
    kind = {OURS: "ours", FLOOR: "floor"}.get(peer, "other")
    middle = y + BAR / 2
    end = LEFT + max(ratio["median"], ratio["q3"]) * scale
    parts = [
        f'<text x="{LEFT - 8}" y="{middle + 4}" text-anchor="end">{escape(PEERS[peer])}</text>',
        f'<rect class="{kind}" x="{LEFT}" y="{y + 2}" width="{ratio["median"] * scale:.1f}" height="{BAR - 4}"/>',
        f'<text x="{end + 6:.1f}" y="{middle + 4}">{ratio["median"]:.2f}</text>',
    ]
    if peer != FLOOR:
        low, high = (LEFT + ratio[quartile] * scale for quartile in ("q1", "q3"))
        parts.append(f'<line class="spread" x1="{low:.1f}" y1="{middle}" x2="{high:.1f}" y2="{middle}"/>')
    return parts


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    result = json.loads(Path(sys.argv[1]).read_text())
    Path(sys.argv[2]).write_text(draw(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Samples into medians, spreads, paired ratios, and those into a table."""

from __future__ import annotations

import statistics

from peers import FLOOR, FLOOR_AGAIN, OURS


def spread(values: list[float]) -> dict[str, float]:
    """Median, quartiles and extremes."""
    low, _, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 else values * 3
    return {"median": statistics.median(values), "q1": low, "q3": high, "min": min(values), "max": max(values)}


def ratios(samples: list[dict], others: list[dict], key: str = "cpu_us") -> dict[str, float]:
    """How many times as much as the others, each round against the same round: neighbours' noise cancels."""
    return spread([one[key] / other[key] for one, other in zip(samples, others, strict=True)])


def scenario_summary(samples: dict[str, list[dict]]) -> dict[str, dict]:
    summary = {}
    for name, own in samples.items():
        row = {key: spread([sample[key] for sample in own])
               for key in ("cpu_us", "rps", "p50_us", "p99_us", "busy", "waited", "reuse")}
        row |= {f"to_{base}": ratios(own, samples[base]) for base in (FLOOR, OURS) if base in samples}
        summary[name] = row
    return summary


def figure_summary(samples: dict[str, list[dict]], key: str) -> dict[str, dict]:
    return {name: spread([sample[key] for sample in own]) for name, own in samples.items()}


def _ratio(row: dict, base: str) -> str:
    ratio = row.get(f"to_{base}")
    return f"{ratio['median']:5.2f} ({ratio['q1']:.2f}–{ratio['q3']:.2f})" if ratio else "—"


def scenario_table(title: str, summary: dict[str, dict]) -> str:
    """A Markdown table; in brackets the quartiles over the rounds."""
    lines = [
        f"### {title}",
        "",
        "| | CPU µs/request | ÷ relay | ÷ fastgate | requests/s | p50 ms | p99 ms | reuse |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, row in summary.items():
        cpu = row["cpu_us"]
        lines.append(
            f"| {name} | {cpu['median']:.2f} ({cpu['q1']:.2f}–{cpu['q3']:.2f}) | {_ratio(row, FLOOR)} | {_ratio(row, OURS)} "
            f"| {row['rps']['median']:,.0f} | {row['p50_us']['median'] / 1000:.2f} | {row['p99_us']['median'] / 1000:.2f} "
            f"| {row['reuse']['median']:.2%} |"
        )
    noise = summary.get(FLOOR_AGAIN, {}).get(f"to_{FLOOR}")
    if noise:
        lines += ["", f"Noise floor (A/A): the same relay twice differs by {noise['median']:.2f}, "
                      f"over single rounds {noise['min']:.2f}–{noise['max']:.2f}."]
    waited = max(row["waited"]["median"] for row in summary.values())
    busy = min(row["busy"]["median"] for row in summary.values())
    lines += ["", f"The gateway's core: at least {busy:.0%} used by the gateway measured; "
                  f"it waited for others up to {waited:.0%} of the time."]
    return "\n".join(lines)


FIGURES = {
    # name: (heading, key of the sample, unit, divisor, decimals)
    "idle": ("Memory per idle connection (10,000 of them)", "bytes", "bytes", 1, 0),
    "rest": ("RSS at rest, 2 workers", "rss", "MiB", 2**20, 1),
    "fleet": ("Fifteen gateways at rest with jwt, rate-limiting and an access log: PSS in all", "pss", "MiB", 2**20, 1),
    "loaded": ("Peak RSS with 5,000 connections under load: jwt, rate limit, JSON log, 2 workers", "rss", "MiB", 2**20, 1),
    "start": ("Start: command to first proxied byte", "ms", "ms", 1, 0),
    "start-jwt": ("The same with jwt, rate-limiting and an access log", "ms", "ms", 1, 0),
    "publish": ("Reload with 10,000 routes, under load: signal to new route", "ms", "ms", 1, 0),
    "python": ("A trivial `async def access` in Python: CPU it adds to a request", "added_us", "µs", 1, 1),
}


# One more column: (heading, from the samples of one peer)
MORE = {
    "python": ("p99 of a plain route, µs: beside plain → beside Python", lambda taken: " → ".join(
        f"{statistics.median(sample[key] for sample in taken):,.0f}" for key in ("p99_beside_plain_us", "p99_beside_python_us"))),
    "publish": ("sent again", lambda taken: f"{sum(sample['again'] for sample in taken)}"),
    "start": ("ms of CPU", lambda taken: f"{statistics.median(sample['cpu_ms'] for sample in taken):.0f}"),
    "start-jwt": ("ms of CPU", lambda taken: f"{statistics.median(sample['cpu_ms'] for sample in taken):.0f}"),
    "idle": ("MiB in all", lambda taken: f"{statistics.median(sample['after']['rss'] for sample in taken) / 2**20:.1f}"),
    "fleet": ("RSS of one, MiB", lambda taken: f"{statistics.median(sample['rss'] for sample in taken) / 2**20:.1f}"),
    "loaded": ("MiB before", lambda taken: f"{statistics.median(sample['before']['rss'] for sample in taken) / 2**20:.1f}"),
    "rest": ("PSS, MiB", lambda taken: f"{statistics.median(sample['pss'] for sample in taken) / 2**20:.1f}"),
}


def figure_table(figure: str, samples: dict[str, list[dict]]) -> str:
    title, key, unit, divisor, decimals = FIGURES[figure]
    heading, column = MORE[figure]
    lines = [f"### {title}", "", f"| | {unit} | least – most | {heading} |", "|---|---|---|---|"]
    for name, values in figure_summary(samples, key).items():
        median, least, most = (f"{values[which] / divisor:,.{decimals}f}" for which in ("median", "min", "max"))
        lines.append(f"| {name} | {median} | {least} – {most} | {column(samples[name])} |")
    return "\n".join(lines)

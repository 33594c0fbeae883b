"""A StatusSource with figures of its own, and promtool."""

import shutil
import subprocess
from pathlib import Path

from fastgate.telemetry.prometheus import FROM_BACKGROUND
from fastgate.telemetry.source import StatusSource

CACHE = Path(__file__).parents[2] / "build/promtool"

COUNTERS = {
    "connections_accepted": 12, "connections_closed": 7, "connections_refused": 1, "requests": 100,
    "requests_active": 3, "bytes_in": 1_000, "bytes_out": 2_000, "upstream_opened": 2, "upstream_reused": 95,
    "upstream_failed": 1, "upstream_closed": 1, "upstream_idle": 1, "retries": 4, "refused_malformed": 5,
    "timeouts_client": 6, "timeouts_upstream": 8, "tunnels": 2, "loops": 1234, "bodies_collected": 12, "log_dropped": 9,
    "keys_unknown": 12,
    "tokens_hit": 40, "tokens_missed": 10, "tokens_evicted": 3, "tokens_kept": 7, "bots_refused": 4, "bots_suspected": 1, "bans_made": 2,
    "bans_active": 1, "rate_limited": 11,
    "mirrors_sent": 21, "mirrors_active": 2, "mirrors_failed": 3, "mirrors_over_pending": 4, "mirrors_over_body": 5,
    "mirrors_cut": 6, "mirrors_no_memory": 7,
}
SNAPSHOT = {"number": 3, "routes": 2, "services": 1, "upstreams": 1, "retired": 0, "bytes": 65536}


# Every figure that a part has a metric for.
BACKGROUND: dict[str, dict[str, float]] = {}
for _part, _figure in FROM_BACKGROUND.values():
    BACKGROUND.setdefault(_part, {})[_figure] = 7


def source(**changes) -> StatusSource:
    return StatusSource(**{
        "counters": lambda: dict(COUNTERS),
        "series": list,
        "snapshot": lambda: dict(SNAPSHOT),
        "limits": lambda: {"keys": 17, "evictions": 2},
        "memory": lambda: {"used": 500_000, "limit": 9_000_000, "refused": 3, "tables": 1_000_000},
        "active": lambda: 5,
        "reactors": 2,
        "not_ready": lambda: "",
        "configuration_hash": lambda: "d41d8cd98f00b204e9800998ecf8427e",
        "reloads": lambda: {"succeeded": 2, "failed": 1, "last_success_s": 1_700_000_000.25},
        "access_log": lambda: {"written": 90, "dropped": 1, "errors": 1, "bytes": 45_000},
        "resolver": lambda: {"names": 3, "stale": 1, "queries": 10, "failures": 2},
        "background": lambda: BACKGROUND,
        "python": lambda: {"greeting": {"active": 1, "done": 70, "failures": 6, "timeouts": 2, "trips": 1, "skipped": 9,
                                        "refused": 4, "stalled": 8, "too_large": 9, "logs_dropped": 3}},
        "applications": lambda: {"shop:app": {"up": 1, "active": 2, "refused": 5}},
        **changes,
    })


def find_promtool() -> str:
    """promtool from the path, or from Debian's package `prometheus`, taken once; "": neither can be had."""
    if found := shutil.which("promtool"):
        return found
    tool = CACHE / "usr/bin/promtool"
    if not tool.exists() and shutil.which("apt-get") and shutil.which("dpkg"):
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "-q", "download", "prometheus"], cwd=CACHE, capture_output=True, check=False)
        for package in CACHE.glob("prometheus_*.deb"):
            subprocess.run(["dpkg", "-x", package.name, "."], cwd=CACHE, check=True)
            package.unlink()
    return str(tool) if tool.exists() else ""

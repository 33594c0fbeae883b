"""What the status listener and the metrics are made from: a few functions, wired by the control plane."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple


class StatusSource(NamedTuple):
    """Where the figures come from. All are called on the control loop and return at once."""

    counters: Callable[[], dict[str, int]]      # Gateway.counters
    series: Callable[[], list[dict[str, Any]]]  # Gateway.series
    snapshot: Callable[[], dict[str, int]]      # Gateway.snapshot_info
    limits: Callable[[], dict[str, int]]        # Gateway.limits
    memory: Callable[[], dict[str, int]]        # Gateway.memory
    active: Callable[[], int]                   # Gateway.active: client connections now open
    reactors: int                               # how many there are
    not_ready: Callable[[], str]                # why no requests should be sent here; "": ready
    configuration_hash: Callable[[], str]       # MD5 of the configuration now in use, in hex
    reloads: Callable[[], dict[str, Any]]       # "succeeded", "failed"; "last_success_s": Unix time; "last_errors"
    access_log: Callable[[], dict[str, int] | None] = lambda: None      # AccessLog.stats; None: off
    # By plugin in Python: "active", "refused", "stalled", "too_large", "logs_dropped", "done", "failures", "timeouts", "trips", "skipped"
    python: Callable[[], dict[str, dict[str, int]]] = lambda: {}
    # By plugin in Python that is in use: "version", "origin", "signed_by", "leaving": older versions still in use
    plugins: Callable[[], dict[str, dict[str, Any]]] = lambda: {}
    # By ASGI application: "up" (1 or 0), "active", "refused"
    applications: Callable[[], dict[str, dict[str, int]]] = lambda: {}
    # What plugins in Python count themselves: (name, kind, help, [(suffix, ((label, value), …), number), …])
    plugin_metrics: Callable[[], Iterable[Any]] = lambda: ()
    # By part of control/background, while it is there
    background: Callable[[], dict[str, dict[str, float]]] = lambda: {}
    # "names" being resolved, "stale" of them in use with their last good addresses; "queries"
    # to name servers, "failures" of look-ups
    resolver: Callable[[], dict[str, int] | None] = lambda: None        # None: no names to resolve

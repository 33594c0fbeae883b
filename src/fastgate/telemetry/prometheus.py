"""Prometheus' text format 0.0.4 (what `promtool check metrics` accepts) from a StatusSource."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastgate._core.bridge.series_registry import LATENCY_BOUNDS_S
from fastgate._version import __version__
from fastgate.telemetry.metrics import METRICS, Metric
from fastgate.telemetry.process import process_figures
from fastgate.telemetry.source import StatusSource

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BLOCK_BYTES = 32768         # about as much text at a time

Sample = tuple[tuple[str, ...], float]      # label values, in the order of Metric.labels; value

LE = [f'le="{bound:.10g}"' for bound in LATENCY_BOUNDS_S] + ['le="+Inf"']
ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})
HELP_ESCAPES = str.maketrans({"\\": r"\\", "\n": r"\n"})

FROM_COUNTERS = {
    "fastgate_requests_received_total": "requests",
    "fastgate_requests_active": "requests_active",
    "fastgate_requests_malformed_total": "refused_malformed",
    "fastgate_client_timeouts_total": "timeouts_client",
    "fastgate_connections_accepted_total": "connections_accepted",
    "fastgate_connections_closed_total": "connections_closed",
    "fastgate_connections_refused_total": "connections_refused",
    "fastgate_tunnels_active": "tunnels",
    "fastgate_upstream_connect_failures_total": "upstream_failed",
    "fastgate_upstream_connections_closed_total": "upstream_closed",
    "fastgate_upstream_connections_idle": "upstream_idle",
    "fastgate_upstream_timeouts_total": "timeouts_upstream",
    "fastgate_upstream_retries_total": "retries",
    "fastgate_token_cache_hits_total": "tokens_hit",
    "fastgate_token_cache_misses_total": "tokens_missed",
    "fastgate_token_cache_evictions_total": "tokens_evicted",
    "fastgate_token_cache_entries": "tokens_kept",
    "fastgate_jwks_unknown_keys_total": "keys_unknown",
    "fastgate_bot_refusals_total": "bots_refused",
    "fastgate_bot_suspicions_total": "bots_suspected",
    "fastgate_bot_bans_total": "bans_made",
    "fastgate_bot_bans_active": "bans_active",
    "fastgate_rate_limit_refusals_total": "rate_limited",
    "fastgate_mirror_requests_total": "mirrors_sent",
    "fastgate_mirror_failures_total": "mirrors_failed",
    "fastgate_mirrors_active": "mirrors_active",
    "fastgate_reactor_loops_total": "loops",
    "fastgate_request_bodies_collected_total": "bodies_collected",
}
# Why a copy was dropped → its counter
MIRROR_REASONS = {
    "pending": "mirrors_over_pending",
    "body": "mirrors_over_body",
    "cut": "mirrors_cut",
    "memory": "mirrors_no_memory",
}
FROM_SNAPSHOT = {
    "fastgate_snapshot_number": "number",
    "fastgate_snapshot_routes": "routes",
    "fastgate_snapshot_services": "services",
    "fastgate_snapshot_upstreams": "upstreams",
    "fastgate_snapshot_size_bytes": "bytes",
    "fastgate_snapshots_retired": "retired",
}
FROM_LIMITS = {
    "fastgate_rate_limit_keys": "keys",
    "fastgate_rate_limit_evictions_total": "evictions",
}
FROM_MEMORY = {
    "fastgate_memory_bytes": "used",
    "fastgate_memory_limit_bytes": "limit",
    "fastgate_memory_refusals_total": "refused",
}
FROM_PROCESS = {
    "fastgate_process_cpu_seconds_total": "cpu_s",
    "fastgate_process_resident_memory_bytes": "resident_bytes",
    "fastgate_process_virtual_memory_bytes": "virtual_bytes",
    "fastgate_process_open_fds": "open_fds",
    "fastgate_process_max_fds": "max_fds",
    "fastgate_process_threads": "threads",
    "fastgate_process_start_time_seconds": "started_at_s",
}
FROM_RESOLVER = {
    "fastgate_resolver_names": "names",
    "fastgate_resolver_names_stale": "stale",
    "fastgate_resolver_queries_total": "queries",
    "fastgate_resolver_failures_total": "failures",
}
# Metric → part of control/background, its figure
FROM_BACKGROUND: dict[str, tuple[str, str]] = {
    "fastgate_jwks_sources": ("jwks", "sources"),
    "fastgate_jwks_keys": ("jwks", "keys"),
    "fastgate_jwks_keys_skipped": ("jwks", "skipped"),
    "fastgate_jwks_age_seconds": ("jwks", "age_s"),
    "fastgate_jwks_fetches_total": ("jwks", "fetches"),
    "fastgate_jwks_failures_total": ("jwks", "failures"),
    "fastgate_jwks_rotations_total": ("jwks", "rotations"),
    "fastgate_bot_exchanges_total": ("bans", "exchanges"),
    "fastgate_bot_exchange_failures_total": ("bans", "failures"),
    "fastgate_limit_exchanges_total": ("limit_exchange", "rounds"),
    "fastgate_limit_exchange_errors_total": ("limit_exchange", "errors"),
    "fastgate_limit_exchanged_total": ("limit_exchange", "told"),
    "fastgate_limit_exchange_lag_seconds": ("limit_exchange", "lag_s"),
    "fastgate_limit_exchange_away": ("limit_exchange", "away"),
    "fastgate_limit_exchange_nodes": ("limit_exchange", "nodes"),
    "fastgate_limit_exchange_keys_waiting": ("limit_exchange", "waiting"),
    "fastgate_limit_questions_total": ("limit_exchange", "answered"),
    "fastgate_limit_questions_unanswered_total": ("limit_exchange", "unanswered"),
    "fastgate_limit_exchange_lost_total": ("limit_exchange", "lost"),
}
FROM_PLUGINS = {
    "fastgate_plugin_calls_active": "active",
    "fastgate_plugin_calls_total": "done",
    "fastgate_plugin_failures_total": "failures",
    "fastgate_plugin_timeouts_total": "timeouts",
    "fastgate_plugin_trips_total": "trips",
    "fastgate_plugin_skipped_total": "skipped",
    "fastgate_plugin_refused_total": "refused",
    "fastgate_plugin_stalled_total": "stalled",
    "fastgate_plugin_too_large_total": "too_large",
    "fastgate_plugin_logs_dropped_total": "logs_dropped",
}
FROM_APPLICATIONS = {
    "fastgate_application_up": "up",
    "fastgate_application_requests_active": "active",
    "fastgate_application_refused_total": "refused",
}
HISTOGRAMS = {
    "fastgate_request_latency_seconds": "total",
    "fastgate_upstream_latency_seconds": "upstream",
    "fastgate_gateway_latency_seconds": "gateway",
}


def exposition(source: StatusSource) -> Iterator[str]:
    """The metrics as blocks of text, made as they are asked for.

    With thousands of routes the text is megabytes: the caller sends block by block, and
    the control loop does other work in between. Families without a sample are left out.
    The series are read last: with no request active, they have all that the counters have.
    """
    counters = source.counters()
    series = source.series()
    samples = _samples(source, counters, series)
    parts: list[str] = []
    size = 0
    for metric in METRICS:
        if metric.kind == "histogram":
            lines = _histogram_lines(metric, series, HISTOGRAMS[metric.name])
        else:
            lines = _lines(metric, samples.get(metric.name, ()))
        for text in _family(metric, lines):
            parts.append(text)
            size += len(text)
            if size >= BLOCK_BYTES:
                yield "".join(parts)
                parts, size = [], 0
    yield "".join(parts)
    yield from _plugin_families(source)


def _family(metric: Metric, lines: Iterable[str]) -> Iterator[str]:
    is_first = True
    for line in lines:
        if is_first:
            yield f"# HELP {metric.name} {metric.help}\n# TYPE {metric.name} {metric.kind}\n"
            is_first = False
        yield line


def _plugin_families(source: StatusSource) -> Iterator[str]:
    """The metrics that plugins declare, a block each."""
    for name, kind, text, samples in source.plugin_metrics():
        if samples:
            lines = [f"# HELP {name} {text.translate(HELP_ESCAPES)}\n# TYPE {name} {kind}\n"]
            for suffix, pairs, value in samples:
                labels = f"{{{_labels(*zip(*pairs))}}}" if pairs else ""
                lines.append(f"{name}{suffix}{labels} {_number(value)}\n")
            yield "".join(lines)


def _labels(names: Iterable[str], values: Iterable[str]) -> str:
    return ",".join(f'{name}="{value.translate(ESCAPES)}"' for name, value in zip(names, values))


def _number(value: float) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _lines(metric: Metric, samples: Iterable[Sample]) -> Iterator[str]:
    for values, value in samples:
        labels = f"{{{_labels(metric.labels, values)}}}" if metric.labels else ""
        yield f"{metric.name}{labels} {_number(value)}\n"


def _histogram_lines(metric: Metric, series: list[dict[str, Any]], key: str) -> Iterator[str]:
    for one in series:
        histogram = one[key]
        labels = _labels(metric.labels, (one["service"], one["route"]))
        bucket = f"{metric.name}_bucket{{{labels},"
        lines = []
        count = 0
        for le, n in zip(LE, histogram["buckets"]):
            count += n
            lines.append(f"{bucket}{le}}} {count}\n")
        lines.append(f"{metric.name}_sum{{{labels}}} {_number(histogram['sum_s'])}\n"
                     f"{metric.name}_count{{{labels}}} {count}\n")
        yield "".join(lines)


def _samples(source: StatusSource, counters: dict[str, int],
             series: list[dict[str, Any]]) -> dict[str, Iterable[Sample]]:
    """The samples of all families but the histograms."""
    snapshot = source.snapshot()
    figures = process_figures()
    reloads = source.reloads()
    samples: dict[str, Iterable[Sample]] = {
        "fastgate_build_info": [((__version__,), 1)],
        "fastgate_ready": [((), 0 if source.not_ready() else 1)],
        "fastgate_reactors": [((), source.reactors)],
        "fastgate_connections_active": [((), source.active())],
        "fastgate_client_bytes_total": [(("ingress",), counters["bytes_in"]), (("egress",), counters["bytes_out"])],
        "fastgate_upstream_requests_total": [
            (("new",), counters["upstream_opened"]), (("reused",), counters["upstream_reused"])],
        "fastgate_mirror_dropped_total": [
            ((reason,), counters[name]) for reason, name in MIRROR_REASONS.items()],
        "fastgate_configuration_info": [((source.configuration_hash(),), 1)],
        "fastgate_configuration_reloads_total": [
            (("succeeded",), reloads["succeeded"]), (("failed",), reloads["failed"])],
        "fastgate_configuration_last_success_timestamp_seconds": [((), reloads["last_success_s"])],
        "fastgate_http_requests_total": (
            ((one["service"], one["route"], str(code)), count)
            for one in series for code, count in sorted(one["codes"].items())),
        "fastgate_bandwidth_bytes_total": (
            ((one["service"], one["route"], direction), one[key])
            for one in series for direction, key in (("ingress", "bytes_in"), ("egress", "bytes_out"))),
    }
    limits = source.limits()
    for names, values in (
            (FROM_COUNTERS, counters), (FROM_SNAPSHOT, snapshot), (FROM_LIMITS, limits),
            (FROM_MEMORY, source.memory()), (FROM_PROCESS, figures)):
        samples |= {name: [((), values[key])] for name, key in names.items() if key in values}
    samples |= _log_samples(source, counters) | _resolver_samples(source) | _background_samples(source)
    return samples | _labelled(FROM_PLUGINS, source.python()) | _labelled(FROM_APPLICATIONS, source.applications())


def _log_samples(source: StatusSource, counters: dict[str, int]) -> dict[str, Iterable[Sample]]:
    stats = source.access_log()
    if stats is None:
        return {}
    return {
        "fastgate_access_log_lines_total": [((), stats["written"])],
        "fastgate_access_log_bytes_total": [((), stats["bytes"])],
        "fastgate_access_log_dropped_total": [
            (("full",), counters["log_dropped"]), (("failed",), stats["dropped"])],
        "fastgate_access_log_errors_total": [((), stats["errors"])],
    }


def _labelled(names: dict[str, str], figures: dict[str, dict[str, int]]) -> dict[str, Iterable[Sample]]:
    """One sample of each metric for each plugin, or application."""
    if not figures:
        return {}
    return {name: [((label,), one[key]) for label, one in figures.items()] for name, key in names.items()}


def _background_samples(source: StatusSource) -> dict[str, Iterable[Sample]]:
    parts = source.background()
    return {name: [((), parts[part][figure])] for name, (part, figure) in FROM_BACKGROUND.items() if part in parts}


def _resolver_samples(source: StatusSource) -> dict[str, Iterable[Sample]]:
    state = source.resolver()
    if state is None:
        return {}
    return {name: [((), state[key])] for name, key in FROM_RESOLVER.items()}

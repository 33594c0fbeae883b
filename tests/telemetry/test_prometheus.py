"""The exposition: what promtool says of it, and what a reader of the format finds in it."""

import re
import subprocess
from pathlib import Path

import pytest
from fastgate._core.bridge.series_registry import LATENCY_BOUNDS_S, SeriesRegistry
from fastgate.telemetry.metrics import METRICS
from fastgate.telemetry.prometheus import BLOCK_BYTES, exposition
from status_source import find_promtool, source

DOCS = Path(__file__).parents[2] / "docs/observability.md"
SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')
UNESCAPE = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def pair(service, route, codes, buckets=()):
    histogram = {"buckets": (*buckets, *[0] * (22 - len(buckets))), "sum_s": 0.125 * sum(buckets),
                 "count": sum(buckets)}
    return {"service": service, "route": route, "codes": codes, "bytes_in": 10, "bytes_out": 20,
            "total": histogram, "upstream": histogram, "gateway": histogram}


def read(text):
    """{(name, (label, value)…): number}, in order; fails on any line that is neither sample nor comment."""
    samples = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        labels = tuple((name, re.sub(r"\\.", lambda found: UNESCAPE[found[0]], value))
                       for name, value in LABEL.findall(match[2] or ""))
        assert (match[1], *labels) not in samples, line
        samples[(match[1], *labels)] = float(match[3])
    return samples


def test_promtool_accepts_it():
    promtool = find_promtool()
    if not promtool:
        pytest.skip("no promtool, and apt does not deliver it")
    series = [pair("orders", "read", {200: 5, 404: 1}, (1, 2, 3)), pair("", "", {404: 3}, (3,)),
              pair('a "quoted"\\service\n', "é/~route", {502: 1})]
    text = "".join(exposition(source(series=lambda: series)))
    result = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_every_metric_has_samples_and_they_are_together():
    text = "".join(exposition(source(series=lambda: [pair("orders", "read", {200: 5}, (1,))])))
    types = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE)
    assert types == [(metric.name, metric.kind) for metric in METRICS]
    for block in text.split("# HELP ")[1:]:
        name = block.split(" ", 1)[0]
        names = {re.match(r"[a-z_]+", line)[0] for line in block.splitlines()[2:]}
        assert names == ({f"{name}_{part}" for part in ("bucket", "sum", "count")}
                         if (name, "histogram") in types else {name})


def test_samples_carry_the_labels_the_metric_declares():
    samples = read("".join(exposition(source(series=lambda: [pair("orders", "read", {200: 5}, (1,))]))))
    for metric in METRICS:
        name = f"{metric.name}_sum" if metric.kind == "histogram" else metric.name
        labels = {tuple(label for label, _ in key[1:]) for key in samples if key[0] == name}
        assert labels == {metric.labels}, metric.name


def test_labels_when_names_are_strange_are_read_back():
    strange = 'a "quoted"\\service\nwith {braces}, é'
    samples = read("".join(exposition(source(series=lambda: [pair(strange, "r", {200: 5})]))))
    assert samples["fastgate_http_requests_total", ("service", strange), ("route", "r"), ("code", "200")] == 5


def test_histogram_is_cumulative_and_ends_with_all():
    samples = read("".join(exposition(source(series=lambda: [pair("s", "r", {200: 10}, (1, 2, 0, 7))]))))
    labels = (("service", "s"), ("route", "r"))
    buckets = [(dict(key[1:])["le"], value) for key, value in samples.items()
               if key[0] == "fastgate_gateway_latency_seconds_bucket"]
    assert [float(le) for le, _ in buckets] == [*LATENCY_BOUNDS_S, float("inf")]
    assert [value for _, value in buckets] == [1, 3, 3, *[10] * 19]
    assert samples["fastgate_gateway_latency_seconds_count", *labels] == 10
    assert samples["fastgate_gateway_latency_seconds_sum", *labels] == 1.25


def test_reuse_ratio_can_be_derived():
    samples = read("".join(exposition(source())))
    assert samples["fastgate_upstream_requests_total", ("connection", "reused")] == 95
    assert samples["fastgate_upstream_requests_total", ("connection", "new")] == 2


def test_log_lines_lost_are_told_by_reason():
    samples = read("".join(exposition(source())))
    assert samples["fastgate_access_log_dropped_total", ("reason", "full")] == 9
    assert samples["fastgate_access_log_dropped_total", ("reason", "failed")] == 1


def test_resolvers_figures_are_told_apart():
    samples = read("".join(exposition(source())))
    assert [samples[f"fastgate_resolver_{name}",] for name in ("names", "names_stale", "queries_total",
                                                              "failures_total")] == [3, 1, 10, 2]


def test_families_without_a_source_are_left_out():
    text = "".join(exposition(source(access_log=lambda: None, resolver=lambda: None)))
    assert "access_log" not in text and "resolver" not in text and "http_requests_total" not in text


def test_ready_follows_the_source():
    assert read("".join(exposition(source())))["fastgate_ready",] == 1
    assert read("".join(exposition(source(not_ready=lambda: "draining"))))["fastgate_ready",] == 0


def test_text_when_there_are_many_routes_comes_in_blocks():
    series = [pair("s", f"route-{n}", {200: n}, (n,)) for n in range(500)]
    blocks = list(exposition(source(series=lambda: series)))
    assert len(blocks) > 10
    assert all(len(block) < BLOCK_BYTES + 4096 for block in blocks)
    samples = read("".join(blocks))
    assert samples["fastgate_http_requests_total", ("service", "s"), ("route", "route-499"), ("code", "200")] == 499


def test_series_of_the_core_fit():
    door = pytest.importorskip("fastgate_doors.observe_door")
    registry = SeriesRegistry(2)
    held = door.Held(registry, "orders", "read")
    held.count(1, 200, 100, 1000, 2_000_000, 1_500_000, 60_000, True, 3)
    samples = read("".join(exposition(source(series=registry.read))))
    labels = (("service", "orders"), ("route", "read"))
    assert samples["fastgate_bandwidth_bytes_total", *labels, ("direction", "egress")] == 3000
    assert samples["fastgate_request_latency_seconds_bucket", *labels, ("le", "0.002")] == 3
    assert samples["fastgate_request_latency_seconds_bucket", *labels, ("le", "0.001")] == 0
    assert samples["fastgate_upstream_latency_seconds_sum", *labels] == pytest.approx(0.0045)
    held.drop()


def test_what_plugins_declare_is_there_and_told_as_the_format_asks():
    families = [
        ("fastgate_plugin_p_orders_total", "counter", 'Orders\\and\nmore.', [("", (("kind", 'a"\\\nb'),), 3.5)]),
        ("fastgate_plugin_p_size", "gauge", "Size.", [("", (), -2)]),
        ("fastgate_plugin_p_none", "gauge", "None.", []),
        ("fastgate_plugin_p_seconds", "histogram", "Time.", [
            ("_bucket", (("le", "1"),), 2), ("_bucket", (("le", "+Inf"),), 3), ("_sum", (), 4.5), ("_count", (), 3)])]
    text = "".join(exposition(source(plugin_metrics=lambda: families)))
    assert '# HELP fastgate_plugin_p_orders_total Orders\\\\and\\nmore.\n' in text
    samples = read(text)
    assert samples["fastgate_plugin_p_orders_total", ("kind", 'a"\\\nb')] == 3.5
    assert samples["fastgate_plugin_p_size",] == -2
    assert samples["fastgate_plugin_p_seconds_bucket", ("le", "+Inf")] == samples["fastgate_plugin_p_seconds_count",] == 3
    assert "p_none" not in text


def test_page_lists_every_metric():
    rows = re.findall(r"^\| `(fastgate_\w+)` \| (\w+) \| ([^|]*) \| ([^|]*) \|$", DOCS.read_text(), re.MULTILINE)
    assert rows == [
        (metric.name, metric.kind, ", ".join(f"`{label}`" for label in metric.labels), metric.help)
        for metric in METRICS
    ]

"""The status listener: /status, /status/ready, /metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading

import pytest

from support.client import get
from support.origin import named
from support.site import config_of, service, upstream


def test_ready_says_ready(site):
    status, text = site.status("/status/ready")
    assert (status, json.loads(text)["message"]) == (200, "ready")


def test_ready_is_503_without_a_configuration(open_site):
    assert open_site(config_of()).status("/status/ready")[0] == 503


def test_status_is_json_with_connections(site):
    assert site.ask(get()).status == 200
    with site.connect() as client:
        assert client.ask(get()).status == 200
        status, text = site.status("/status")
    assert status == 200
    server = json.loads(text)["server"]
    assert server["connections_active"] >= 1
    assert server["total_requests"] >= 2


def test_unknown_path_is_404(site):
    assert site.status("/nothing")[0] == 404


def test_metrics_have_help_and_type_and_no_double(site):
    site.ask(get())
    text = site.status("/metrics")[1]
    assert text.endswith("\n")
    samples = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(samples) == len(set(samples))
    typed = set(re.findall(r"^# TYPE (\S+) ", text, re.M))
    assert typed == set(re.findall(r"^# HELP (\S+) ", text, re.M))
    for sample in samples:
        name = re.sub(r"\{.*", "", sample)
        assert name in typed or re.sub(r"_(bucket|sum|count)$", "", name) in typed, name


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_metrics_pass_promtool(site):
    site.ask(get())
    run = subprocess.run(["promtool", "check", "metrics"], input=site.status("/metrics")[1], text=True,
                         capture_output=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def total(metrics: dict, name: str, **labels: str) -> float:
    """Sum over the samples of that name that carry these labels."""
    return sum(value for key, value in metrics.items() if key.startswith(name + "{")
               and all(f'{label}="{wanted}"' in key for label, wanted in labels.items()))


def test_requests_are_counted_by_service_route_and_code(open_site, open_origin):
    def script(connection):
        request = connection.read()
        connection.reply(b"x", status=f"{request.target.strip('/')} X")

    origin = open_origin(script)
    site = open_site(config_of(service(origin, {"name": "r", "paths": ["/"], "strip_path": False}, name="s")), origin)
    for code, count in ((200, 3), (404, 2), (503, 1)):
        for _ in range(count):
            assert site.ask(get(f"/{code}")).status == code
    site.wait_metric("fastgate_requests_active", 0)
    metrics = site.metrics()
    for code, count in ((200, 3), (404, 2), (503, 1)):
        assert total(metrics, "fastgate_http_requests_total", service="s", route="r", code=str(code)) == count


def test_histograms_count_each_request(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)
    client = site.connect()
    for _ in range(25):
        client.ask(get())
    site.wait_metric("fastgate_requests_active", 0)     # counted when it has left, a moment after the client has it
    metrics = site.metrics()
    for kind in ("request", "upstream", "gateway"):
        names = [n for n in metrics if re.fullmatch(rf"fastgate_{kind}_latency_\w+_count", n)]
        assert names, f"no histogram of the {kind} latency"
        assert metrics[names[0]] == 25
        assert metrics[names[0].replace("_count", "_sum")] > 0


def test_connections_and_bytes_are_counted(open_site, open_origin):
    origin = open_origin(lambda c: (c.read(), c.reply(b"x" * 100_000)))
    site = open_site(config_of(service(origin)), origin)
    clients = [site.connect() for _ in range(3)]
    for client in clients:
        assert client.ask(get("/", method="POST", body=b"y" * 50_000)).status == 200
    site.wait_metric("fastgate_requests_active", 0)
    metrics = site.metrics()
    assert metrics["fastgate_connections_active"] == 3
    assert total(metrics, "fastgate_client_bytes_total", direction="ingress") >= 150_000
    assert total(metrics, "fastgate_client_bytes_total", direction="egress") >= 300_000


def test_reuse_retries_and_reloads_are_counted(open_site, open_origin):
    bad = open_origin(lambda c: (c.read(), c.close()))
    good = open_origin(named)
    config = config_of(service("pool"), upstreams=[upstream("pool", (bad, 100), (good, 100))])
    site = open_site(config, bad, good)
    client = site.connect()
    for _ in range(10):
        assert client.ask(get()).status == 200
    assert site.process.reload(config)["ok"]
    site.process.reload("services: [")
    metrics = site.metrics()
    assert metrics["fastgate_upstream_retries_total"] >= 1
    assert total(metrics, "fastgate_upstream_requests_total", connection="reused") >= 1
    assert total(metrics, "fastgate_configuration_reloads_total", result="succeeded") >= 1
    assert total(metrics, "fastgate_configuration_reloads_total", result="failed") == 1


def test_scrapes_under_load_do_not_harm(open_site, open_origin):
    origin = open_origin(named)
    site = open_site(config_of(service(origin)), origin)
    stop, failures = threading.Event(), []

    def work():
        client = site.connect()
        while not stop.is_set():
            if client.ask(get()).status != 200:
                failures.append("not 200")

    thread = threading.Thread(target=work)
    thread.start()
    last = 0.0
    for _ in range(50):
        now = site.scrape().get("fastgate_http_requests_total", 0.0)     # no series before the first request
        assert now >= last
        last = now
    stop.set()
    thread.join(20)
    assert not failures

"""What counting and logging cost a request: pytest bench/micro/bench_observe.py (needs FASTGATE_DOORS=1)."""

import threading
import time

import pytest
from fastgate._core.bridge.access_log import AccessLog
from fastgate._core.bridge.series_registry import SeriesRegistry
from fastgate.telemetry.prometheus import exposition
from fastgate.telemetry.source import StatusSource
from fastgate_doors import observe_door as door

TIMES = 10_000      # in one call: the door's own cost vanishes; divide what is shown by it
RECORD = {
    "request_id": b"0123456789abcdef0123456789abcdef", "client_ip": b"203.0.113.7", "method": b"GET",
    "uri": b"/orders/17?full=1", "scheme": b"http", "host": b"api.example.com", "user_agent": b"curl/8.5.0",
    "service": b"orders", "route": b"orders-read", "target": b"192.0.2.1:8080", "started_at_ms": 1_700_000_000_123,
    "bytes_in": 312, "bytes_out": 1_024, "body_bytes_out": 800, "total_ns": 4_567_891, "upstream_ns": 4_500_000,
    "gateway_ns": 61_999, "snapshot": 7, "tries": 1, "status": 200, "upstream_status": 200,
}


@pytest.mark.benchmark(group="observe: 10,000 requests")
def test_count(benchmark):
    held = door.Held(SeriesRegistry(1), "orders", "read")
    benchmark(held.count, 0, 200, 312, 1024, 4_567_891, 4_500_000, 61_999, True, TIMES)
    held.drop()


@pytest.mark.benchmark(group="observe: 10,000 requests")
@pytest.mark.parametrize(("name", "number"), [("json", 0), ("combined", 1)])
def test_format(benchmark, name, number):
    benchmark(door.Record(**RECORD).format_ns, number, TIMES)


@pytest.mark.benchmark(group="observe: 10,000 requests")
def test_emit_when_the_ring_has_room(benchmark, tmp_path):
    log = AccessLog(str(tmp_path / "access.log"), "json", 1, 16 << 20)
    writer = threading.Thread(target=log.run)
    writer.start()
    emitted = 0

    def wait_for_room():
        nonlocal emitted
        while log.stats()["written"] < emitted:
            time.sleep(0.001)
        emitted += TIMES

    def emit():
        dropped, _ = door.emit(log, 0, record, TIMES)
        assert dropped == 0

    record = door.Record(**RECORD)
    benchmark.pedantic(emit, setup=wait_for_room, rounds=50)
    log.close()
    writer.join()


@pytest.mark.benchmark(group="observe: 10,000 requests")
def test_emit_when_the_ring_is_full(benchmark, tmp_path):
    log = AccessLog(str(tmp_path / "access.log"), "json", 1, 65536)
    door.emit(log, 0, door.Record(**RECORD), 1000)
    benchmark(door.emit, log, 0, door.Record(**RECORD), TIMES)


@pytest.mark.benchmark(group="observe: a scrape")
@pytest.mark.parametrize("routes", [10, 1000])
def test_scrape(benchmark, routes):
    registry = SeriesRegistry(2)
    held = [door.Held(registry, "orders", f"route-{n}") for n in range(routes)]
    for one in held:
        one.count(0, 200, 312, 1024, 4_567_891, 4_500_000, 61_999, True, 10)
    zeros = dict.fromkeys((
        "connections_accepted", "connections_closed", "connections_refused", "requests", "requests_active",
        "bytes_in", "bytes_out", "upstream_opened", "upstream_reused", "log_dropped"), 0)
    source = StatusSource(
        counters=lambda: zeros, series=registry.read, snapshot=lambda: {"bytes": 0}, active=lambda: 0, reactors=2,
        not_ready=str, configuration_hash=str,
        reloads=lambda: {"succeeded": 0, "failed": 0, "last_success_s": 0.0})
    benchmark(lambda: sum(map(len, exposition(source))))
    for one in held:
        one.drop()

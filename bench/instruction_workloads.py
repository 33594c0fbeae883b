"""What `instructions.py` counts: each workload is made once, then called with a number of operations.

They go through the test doors, whose loops run in C, so that Python's share is the same
for any number and cancels out in the difference of two counts.
"""

from __future__ import annotations

from typing import Callable

Workload = Callable[[int], object]


def route() -> Workload:
    """One match among 10,000 routes that differ by path, of 100 requests in turn."""
    from fastgate_doors.route_door import Request, Router

    common = dict(name=None, protocols=["http", "https"], methods=None, hosts=None, headers=None, snis=None,
                  https_redirect_status_code=426, regex_priority=0, created_at=0)
    router = Router([{"id": "0", "paths": [f"/api/v1/service-{i}/resource"], **common} for i in range(10_000)])
    requests = [Request(host=b"service.example.com", path=b"/api/v1/service-%d/resource/42" % i) for i in range(0, 10_000, 100)]
    return lambda n: router.match_all(requests, n // len(requests))


def pick(algorithm: str) -> Workload:
    """One pick among ten targets of unequal weight."""
    from fastgate_doors.balancer_door import Peers, PeerSet

    peers = PeerSet(algorithm, Peers(f"10.0.0.{i}:80" for i in range(10)), list(range(1, 11)))
    return lambda n: peers.time_picks(n)


def access_line(number: int) -> Workload:
    """One access-log line of a common request, formatted; 0 is JSON, 1 is Combined."""
    from fastgate_doors.observe_door import Record

    record = Record(
        request_id=b"1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f", client_ip=b"192.0.2.17", method=b"GET",
        uri=b"/orders/1017?expand=items", scheme=b"http", host=b"api.example", user_agent=b"curl/8.5.0",
        referer=b"https://shop.example/", service=b"orders", route=b"orders-read", target=b"10.0.0.3:8080",
        started_at_ms=1_790_000_000_000, bytes_in=412, bytes_out=1630, body_bytes_out=1300, total_ns=2_345_678,
        upstream_ns=2_100_000, gateway_ns=245_678, snapshot=3, tries=1, status=200, upstream_status=200,
    )
    return lambda n: record.format_ns(number, n)


def count() -> Workload:
    """One request counted by service, route and code in three histograms."""
    from fastgate._core.bridge.series_registry import SeriesRegistry
    from fastgate_doors.observe_door import Held

    held = Held(SeriesRegistry(1), "orders", "orders-read")
    return lambda n: held.count(0, 200, 412, 1630, 2_345_678, 2_100_000, 245_678, True, n)


def limit(windows: int) -> Workload:
    """One decision of a sliding-window limiter on one key."""
    from fastgate_doors.limit_door import Rule, Table

    second = 1_000_000_000
    table = Table(1000)
    rule = Rule("sliding-window", [(2**32 - 1, second * 60**i) for i in range(windows)])
    table.repeat(rule, 1, 1_699_999_999 * second, 100)          # a window before, to be weighed
    return lambda n: table.repeat(rule, 1, 1_700_000_000 * second, n)


WORKLOADS: dict[str, Callable[[], Workload]] = {
    "route": route,
    "pick-hash": lambda: pick("consistent-hashing"),
    "pick-round-robin": lambda: pick("round-robin"),
    "pick-latency": lambda: pick("latency"),
    "access-line-json": lambda: access_line(0),
    "access-line-combined": lambda: access_line(1),
    "count": count,
    "limit": lambda: limit(1),
    "limit-three-windows": lambda: limit(3),
}

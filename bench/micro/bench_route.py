"""Nanoseconds a route match takes with 10,000 routes, by what tells them apart, and how long their router takes to build.

    FASTGATE_DOORS=1 python setup.py build_ext --inplace
    PYTHONPATH=src:tests python -m pytest bench/micro/bench_route.py

A round matches a request for each route, in random order, 20 times over, without the GIL; `ns_per_match` in the
extra info is the figure, of CPU time (to reach: 300 ns). The two cases named "one path" are the bad ones: every
route shares host and path, so candidates are tried one after the other.
"""

import random
import time

import pytest
from fastgate_doors import uri_door
from fastgate_doors.route_door import Request, Router

ROUTES = 10_000
PASSES = 20             # over all requests in a round: setting up, which is Python's, vanishes
HEADERS = [(b"User-Agent", b"curl/8.5.0"), (b"Accept", b"*/*")]
EMPTY = dict(
    id="0", name=None, protocols=["http", "https"], methods=None, hosts=None, paths=None, headers=None, snis=None,
    https_redirect_status_code=426, regex_priority=0, created_at=0,
)
# name: (criteria of route i, what request i has)
CASES = {
    "paths": (lambda i: dict(paths=[f"/api/v1/service-{i}/resource"]), lambda i: dict(path=f"/api/v1/service-{i}/resource/42")),
    "hosts": (lambda i: dict(hosts=[f"service-{i}.example.com"]), lambda i: dict(host=f"service-{i}.example.com")),
    "hosts, paths and methods": (
        lambda i: dict(hosts=[f"team-{i % 100}.example.com"], paths=[f"/api/{i}"], methods=["GET", "POST"]),
        lambda i: dict(host=f"team-{i % 100}.example.com", path=f"/api/{i}/x"),
    ),
    "wildcard hosts": (lambda i: dict(hosts=[f"*.team-{i}.example.com"]), lambda i: dict(host=f"a.team-{i}.example.com")),
    "regexes": (lambda i: dict(paths=[rf"~/api/{i}/(?<id>\d+)$"]), lambda i: dict(path=f"/api/{i}/123")),
    "one path, headers": (lambda i: dict(paths=["/"], headers={"x-tenant": [f"t{i}"]}), lambda i: dict(headers=[*HEADERS, (b"X-Tenant", b"t%d" % i)])),
    "one path, no route": (lambda i: dict(paths=["/"], methods=["POST"]), lambda i: dict()),
}


def routes_of(case: str) -> list[dict]:
    return [EMPTY | CASES[case][0](i) for i in range(ROUTES)]


def request_of(host="service.example.com", path="/", headers=HEADERS) -> Request:
    return Request(host=host.encode(), path=path.encode(), headers=headers)


@pytest.mark.parametrize("case", CASES)
def test_match(benchmark, case):
    step = 100 if case.startswith("one path") else 1
    router = Router(routes_of(case))
    requests = [request_of(**CASES[case][1](i)) for i in range(0, ROUTES, step)]
    random.Random(1).shuffle(requests)
    figures = []

    def match_all():
        start = time.thread_time_ns()
        found = router.match_all(requests, PASSES)
        figures.append((time.thread_time_ns() - start) / PASSES / len(requests))
        assert found == (0 if case.endswith("no route") else PASSES * len(requests))

    benchmark.pedantic(match_all, rounds=9, warmup_rounds=1)
    benchmark.extra_info["ns_per_match"] = round(sorted(figures)[len(figures) // 2])
    benchmark.extra_info["router_bytes"] = router.bytes


@pytest.mark.parametrize("case", CASES)
def test_build(benchmark, case):
    routes = routes_of(case)
    benchmark.pedantic(Router, (routes,), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("path", [b"/api/v1/users/42/orders", b"/api/v1//users/./42/%7euser"], ids=["normal", "to normalise"])
def test_normalise(benchmark, path):
    """Through one Python call each: the call is most of it."""
    benchmark(uri_door.normalise, path)

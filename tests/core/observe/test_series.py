"""Series: counting against a plain model, life over reloads, reading while counting."""

import threading
from bisect import bisect_left
from collections import Counter

import pytest
from fastgate._core.bridge.series_registry import LATENCY_BOUNDS_S, SeriesRegistry
from fastgate_doors.observe_door import Held, count_chosen
from hypothesis import given
from hypothesis import strategies as st

BOUNDS_NS = [round(bound * 1e9) for bound in LATENCY_BOUNDS_S]
NS = st.integers(0, 2**38)
REQUESTS = st.lists(
    st.fixed_dictionaries({
        "reactor": st.integers(0, 2), "status": st.integers(0, 40) | st.sampled_from([200, 404, 999]),
        "bytes_in": st.integers(0, 2**40), "bytes_out": st.integers(0, 2**40),
        "total_ns": NS, "upstream_ns": NS, "gateway_ns": NS, "had_upstream": st.booleans(),
    }),
    min_size=1, max_size=80,
)


def model_histogram(values):
    buckets = [0] * (len(BOUNDS_NS) + 1)
    for ns in values:
        buckets[bisect_left(BOUNDS_NS, ns)] += 1
    return {"buckets": tuple(buckets), "sum_s": sum(values) / 1e9, "count": len(values)}


@given(REQUESTS)
def test_read_when_requests_were_counted_gives_their_sums(requests):
    registry = SeriesRegistry(3)
    held = Held(registry, "orders", "list")
    for request in requests:
        held.count(**request)
    (series,) = registry.read()
    assert series == {
        "service": "orders", "route": "list",
        "codes": dict(Counter(request["status"] for request in requests)),
        "bytes_in": sum(request["bytes_in"] for request in requests),
        "bytes_out": sum(request["bytes_out"] for request in requests),
        "total": model_histogram([request["total_ns"] for request in requests]),
        "upstream": model_histogram([request["upstream_ns"] for request in requests if request["had_upstream"]]),
        "gateway": model_histogram([request["gateway_ns"] for request in requests]),
    }
    held.drop()


def test_read_when_nothing_was_counted_has_no_entry():
    registry = SeriesRegistry(2)
    held = Held(registry, "orders", "list")
    assert len(registry) == 1 and registry.read() == []
    held.drop()


def test_get_when_the_pair_is_known_goes_on_counting():
    registry = SeriesRegistry(1)
    before = Held(registry, "orders", "list")
    before.count(0, 200, 1, 2, 3, 4, 5, True)
    after = Held(registry, "orders", "list")        # the next snapshot
    before.drop()
    assert registry.sweep(set(), set()) == 0
    after.count(0, 200, 1, 2, 3, 4, 5, True)
    assert registry.read()[0]["codes"] == {200: 2}
    after.drop()


def test_pairs_differ_by_service_and_by_route():
    registry = SeriesRegistry(1)
    pairs = [("a", "b"), ("a", "c"), ("ab", ""), ("", "")]
    held = [Held(registry, *pair) for pair in pairs]
    for times, one in enumerate(held, 1):
        one.count(0, 200, 0, 0, 0, 0, 0, False, times)
    assert [(series["service"], series["route"]) for series in registry.read()] == pairs
    assert [series["codes"][200] for series in registry.read()] == [1, 2, 3, 4]
    for one in held:
        one.drop()


def test_sweep_when_no_snapshot_holds_a_pair_forgets_it():
    registry = SeriesRegistry(1)
    stays, goes = Held(registry, "a", "stays"), Held(registry, "a", "goes")
    goes.count(0, 200, 0, 0, 0, 0, 0, False)
    goes.drop()
    assert registry.sweep(set(), set()) == 1
    assert len(registry) == 1 and registry.read() == []
    stays.drop()
    assert registry.sweep(set(), set()) == 1 and len(registry) == 0


def test_sweep_leaves_a_pair_that_a_plugin_chose_while_both_its_names_are_in_use():
    registry = SeriesRegistry(1)
    count_chosen(registry, "other", "list")
    count_chosen(registry, "other", "list")
    assert registry.sweep({"orders", "other"}, {"list", "show"}) == 0
    count_chosen(registry, "other", "list")
    assert registry.read()[0]["codes"] == {200: 3}
    held = Held(registry, "other", "list")          # a route that leads there by itself, later
    assert registry.sweep({"orders"}, {"list"}) == 0
    held.drop()
    assert registry.sweep({"other"}, {"list"}) == 0
    assert registry.sweep({"orders"}, {"list"}) == 1 and len(registry) == 0
    count_chosen(registry, "other", "list")
    assert registry.sweep({"other"}, {"show"}) == 1 and len(registry) == 0


def test_registry_when_it_dies_first_leaves_the_series_to_its_holder():
    registry = SeriesRegistry(1)
    held = Held(registry, "a", "b")
    del registry
    held.count(0, 200, 0, 0, 0, 0, 0, False)
    held.drop()


def test_registry_without_reactors_is_refused():
    with pytest.raises(ValueError, match="at least one reactor"):
        SeriesRegistry(0)


def test_read_while_reactors_count_sees_each_figure_whole_and_rising():
    registry = SeriesRegistry(2)
    held = Held(registry, "a", "b")
    threads = [
        threading.Thread(target=lambda reactor=reactor: [
            held.count(reactor, status, 3, 2**33, 70_000, 0, 100, False, 20_000) for status in range(200, 220)
        ])
        for reactor in (0, 1)
    ]
    for thread in threads:
        thread.start()
    seen = 0
    while any(thread.is_alive() for thread in threads):
        for series in registry.read():
            count = sum(series["codes"].values())
            assert count >= seen and series["bytes_out"] % 2**33 == 0
            assert set(series["codes"]) <= set(range(200, 220))
            seen = count
    for thread in threads:
        thread.join()
    (series,) = registry.read()
    assert series["codes"] == {status: 40_000 for status in range(200, 220)}
    assert series["total"]["buckets"][1] == series["total"]["count"] == 800_000
    held.drop()

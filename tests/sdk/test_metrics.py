"""A plugin's own metrics: names, values, and what keeps them bounded."""

import logging
import threading

import pytest
from fastgate.sdk import PluginError
from fastgate.sdk.metrics import BUCKETS_S, MOST_METRICS, MOST_VALUE, OTHER, Metrics, Registry


def shown(registry):
    """{name, or name and label values: value}, histograms' buckets left out."""
    return {(family.name + suffix, *(value for _, value in labels)): value for family in registry.families()
            for suffix, labels, value in family.samples if suffix != "_bucket"}


def test_a_counter_counts_by_its_labels_and_never_down():
    registry = Registry()
    orders = Metrics("my-plugin", registry).counter("orders", "Orders.", "kind")
    orders.increase(kind="a")
    orders.increase(2.5, kind="a")
    orders.increase(kind="b")
    name = "fastgate_plugin_my_plugin_orders_total"
    assert shown(registry) == {(name, "a"): 3.5, (name, "b"): 1}
    with pytest.raises(ValueError, match="-1"):
        orders.increase(-1, kind="a")


def test_a_gauge_is_what_it_was_set_to():
    registry = Registry()
    size = Metrics("p", registry).gauge("size", "Size.")
    size.set(5)
    size.increase(-2)
    assert shown(registry) == {("fastgate_plugin_p_size",): 3}


def test_a_histogram_counts_each_value_in_its_bucket_and_all_above():
    registry = Registry()
    metric = Metrics("p", registry).histogram("seconds", "How long.", buckets=(1, 2))
    for value in (0.5, 1, 1.5, 2, 7):
        metric.observe(value)
    [family] = registry.families()
    assert family.samples == [
        ("_bucket", (("le", "1"),), 2), ("_bucket", (("le", "2"),), 4), ("_bucket", (("le", "+Inf"),), 5),
        ("_sum", (), 12), ("_count", (), 5)]
    assert BUCKETS_S[0] == 0.001 and BUCKETS_S[-1] == 0.512


def test_new_label_values_beyond_the_bound_count_together(caplog):
    registry = Registry(most_series=2)
    metric = Metrics("p", registry).counter("seen", "Seen.", "who")
    with caplog.at_level(logging.WARNING):
        for who in ("a", "b", "c", "d", "a"):
            metric.increase(who=who)
    name = "fastgate_plugin_p_seen_total"
    assert shown(registry) == {(name, "a"): 2, (name, "b"): 1, (name, OTHER): 2}
    assert len(caplog.records) == 1 and "metric_series" in caplog.text


def test_a_label_value_is_cut():
    registry = Registry()
    Metrics("p", registry).counter("seen", "Seen.", "who").increase(who="x" * 1000)
    assert list(shown(registry)) == [("fastgate_plugin_p_seen_total", "x" * MOST_VALUE)]


def test_no_more_metrics_than_the_bound():
    metrics = Metrics("p", Registry())
    for number in range(MOST_METRICS):
        metrics.gauge(f"g{number}", "")
    with pytest.raises(PluginError, match=str(MOST_METRICS)):
        metrics.gauge("one_more", "")
    metrics.gauge("g1", "")         # there already


@pytest.mark.parametrize("labels", [{}, {"kind": "a", "more": "b"}, {"other": "a"}])
def test_other_labels_than_declared_are_refused(labels):
    metric = Metrics("p", Registry()).counter("orders", "", "kind")
    with pytest.raises(PluginError, match="has the labels kind"):
        metric.increase(**labels)


@pytest.mark.parametrize("name, labels", [("Upper", ()), ("1st", ()), ("", ()), ("a-b", ()), ("x" * 65, ()), (1, ()),
                                          ("a", ("le",)), ("a", ("B",)), ("a", ("b", "b")), ("a", tuple("abcdefghi"))])
def test_names_that_cannot_be(name, labels):
    with pytest.raises(PluginError):
        Metrics("p", Registry()).gauge(name, "", *labels)


@pytest.mark.parametrize("buckets", [(), (2, 1), (1, 1), tuple(range(65))])
def test_buckets_that_cannot_be(buckets):
    with pytest.raises(PluginError, match="ascending"):
        Metrics("p", Registry()).histogram("h", "", buckets=buckets)


def test_the_same_declaration_is_the_same_metric_and_another_is_refused():
    metrics = Metrics("p", Registry())
    assert metrics.counter("a", "A.", "x") is metrics.counter("a", "A.", "x")
    for declare in (lambda: metrics.counter("a", "A.", "y"), lambda: metrics.gauge("a_total", "A.", "x")):
        with pytest.raises(PluginError, match="twice"):
            declare()


def test_a_new_version_goes_on_counting_and_may_mean_something_else():
    registry = Registry()
    old, new = Metrics("p", registry), Metrics("p", registry)
    old.counter("same", "S.").increase()
    old.counter("other", "O.").increase()
    assert new.counter("same", "S.") is old.counter("same", "S.")
    new.counter("other", "O.", "kind").increase(kind="k")
    old.close()
    assert shown(registry) == {("fastgate_plugin_p_same_total",): 1, ("fastgate_plugin_p_other_total", "k"): 1}
    new.close()
    assert registry.families() == []


def test_names_that_others_have_are_refused():
    registry = Registry({"fastgate_plugin_calls_total"})
    with pytest.raises(PluginError, match="gateway's own"):
        Metrics("calls", registry).gauge("total", "")
    Metrics("a", registry).gauge("b_c", "")
    with pytest.raises(PluginError, match="too like"):
        Metrics("a-b", registry).gauge("c", "")
    Metrics("a", registry).histogram("time", "")
    with pytest.raises(PluginError, match="too like"):
        Metrics("a", registry).gauge("time_count", "")


def test_nothing_is_lost_when_threads_count_at_once():
    registry = Registry()
    metric = Metrics("p", registry).counter("seen", "")
    threads = [threading.Thread(target=lambda: [metric.increase() for _ in range(2000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert shown(registry) == {("fastgate_plugin_p_seen_total",): 8000}

"""A plugin's own metrics, for `/metrics`: `fastgate_plugin_<plugin>_<name>`.

Declared once, in `init` or where they are first needed; safe in any thread. The number of metrics and of label
values is bounded: what comes from a client never grows the gateway's memory.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from .errors import PluginError

MOST_METRICS = 100          # of a plugin
MOST_LABELS = 8
MOST_SERIES = 1000          # label values in use, of a metric
MOST_VALUE = 128            # characters of a label's value
OTHER = "_other"            # stands for the values beyond

#: 1 ms, doubled nine times.
BUCKETS_S = tuple(0.001 * 2**power for power in range(10))

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_M = TypeVar("_M", bound="_Metric")
_Key = tuple[str, ...]


class Family(NamedTuple):
    """A metric as it stands, to be exported. A sample: suffix of the name, labels, value."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, tuple[tuple[str, str], ...], float]]


class _Metric:
    kind = ""

    def __init__(self, name: str, text: str, labels: tuple[str, ...], registry: Registry) -> None:
        self.name = name            # as it is exported
        self.help = text
        self.labels = labels
        self._registry = registry
        self._lock = threading.Lock()
        self._series: dict[_Key, Any] = {}

    def shape(self) -> tuple[Any, ...]:
        """What another declaration must agree with to mean the same metric."""
        return self.kind, self.name, self.help, self.labels

    def names(self) -> tuple[str, ...]:
        """All it takes of the name space."""
        return (self.name,)

    def _key(self, labels: dict[str, Any]) -> _Key:
        """Under the lock."""
        if labels.keys() != set(self.labels):
            raise PluginError(f"{self.name} has the labels {', '.join(self.labels) or 'none'}; given: "
                              f"{', '.join(labels) or 'none'}")
        key = tuple(str(labels[name])[:MOST_VALUE] for name in self.labels)
        if key in self._series or len(self._series) < self._registry.most_series:
            return key
        other = (OTHER,) * len(self.labels)
        if other not in self._series:
            logging.getLogger("fastgate.plugin").warning(
                "%s has %d series, the most there may be (gateway.python.metric_series): what is new counts as %s",
                self.name, len(self._series), OTHER)
        return other

    def family(self) -> Family:
        with self._lock:
            samples = [one for key, value in self._series.items()
                       for one in self._samples(tuple(zip(self.labels, key)), value)]
        return Family(self.name, self.kind, self.help, samples)

    def _samples(self, labels: tuple[tuple[str, str], ...], value: Any) -> Any:
        return (("", labels, value),)


class Counter(_Metric):
    """What only grows."""

    kind = "counter"

    def increase(self, by: float = 1, /, **labels: str) -> None:
        if by < 0:
            raise ValueError(f"{self.name} is a counter: it can't grow by {by}")
        with self._lock:
            key = self._key(labels)
            self._series[key] = self._series.get(key, 0) + by


class Gauge(_Metric):
    """What is now."""

    kind = "gauge"

    def set(self, value: float, /, **labels: str) -> None:
        with self._lock:
            self._series[self._key(labels)] = value

    def increase(self, by: float = 1, /, **labels: str) -> None:
        """by: below zero to decrease."""
        with self._lock:
            key = self._key(labels)
            self._series[key] = self._series.get(key, 0) + by


class Histogram(_Metric):
    """How often values lie where."""

    kind = "histogram"

    def __init__(self, name: str, text: str, labels: tuple[str, ...], registry: Registry,
                 bounds: tuple[float, ...]) -> None:
        super().__init__(name, text, labels, registry)
        self._bounds = bounds
        self._shown = [f"{bound:.10g}" for bound in bounds] + ["+Inf"]

    def shape(self) -> tuple[Any, ...]:
        return *super().shape(), self._bounds

    def names(self) -> tuple[str, ...]:
        return self.name, f"{self.name}_bucket", f"{self.name}_sum", f"{self.name}_count"

    def observe(self, value: float, /, **labels: str) -> None:
        at = next((at for at, bound in enumerate(self._bounds) if value <= bound), len(self._bounds))
        with self._lock:
            key = self._key(labels)
            counts, total = self._series.get(key) or ([0] * len(self._shown), 0)
            counts[at] += 1
            self._series[key] = counts, total + value

    def _samples(self, labels: tuple[tuple[str, str], ...], value: Any) -> Any:
        counts, total = value
        below = 0
        for shown, count in zip(self._shown, counts):
            below += count
            yield "_bucket", (*labels, ("le", shown)), below
        yield "_sum", labels, total
        yield "_count", labels, below


class Registry:
    """All metrics of all plugins. Owner: the control plane."""

    def __init__(self, reserved: Collection[str] = (), most_series: int = MOST_SERIES) -> None:
        """reserved: names which are the gateway's own."""
        self.most_series = most_series
        self._reserved = frozenset(reserved)
        self._lock = threading.Lock()
        self._metrics: dict[str, _Metric] = {}
        self._owners: dict[str, list[Metrics]] = {}

    def families(self) -> list[Family]:
        with self._lock:
            metrics = list(self._metrics.values())
        return [metric.family() for metric in metrics]

    def declare(self, metric: _M, owner: Metrics) -> _M:
        """The metric of that name, as another object of the same plugin made it, or this one."""
        with self._lock:
            for name, other in self._metrics.items():
                if set(other.names()) & set(metric.names()) and (
                        name != metric.name or not all(one.plugin == owner.plugin for one in self._owners[name])):
                    raise PluginError(f"the metric {metric.name} is too like {name}, which there is; choose another name")
            if self._reserved & set(metric.names()):
                raise PluginError(f"the metric {metric.name} is the gateway's own; choose another name")
            owners = self._owners.setdefault(metric.name, [])
            found = self._metrics.get(metric.name)
            if found is not None and found.shape() != metric.shape():
                if owner in owners:
                    raise PluginError(f"the metric {metric.name} is declared twice, and not the same")
                found = None                    # a new version of the plugin means something else by it
            if owner not in owners:
                owners.append(owner)
            kept = self._metrics[metric.name] = found or metric
            return kept                         # type: ignore[return-value]

    def drop(self, owner: Metrics) -> None:
        with self._lock:
            for name in [name for name, owners in self._owners.items() if owner in owners]:
                self._owners[name].remove(owner)
                if not self._owners[name]:
                    del self._owners[name], self._metrics[name]


class Metrics:
    """What one plugin counts and measures.

        def init(self):
            self.orders = self.tools.metrics.counter("orders", "Orders seen.", "kind")

        async def access(self, context, config):
            self.orders.increase(kind="express")        # fastgate_plugin_<plugin>_orders_total{kind="express"} 1
    """

    def __init__(self, plugin: str, registry: Registry) -> None:
        self.plugin = plugin
        self._registry = registry
        self._names: set[str] = set()

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """`text`: what it counts, for whoever reads it. The exported name ends in `_total`."""
        name = name if name.endswith("_total") else f"{name}_total"
        return self._declared(Counter, name, text, labels)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return self._declared(Gauge, name, text, labels)

    def histogram(self, name: str, text: str, *labels: str, buckets: Sequence[float] = BUCKETS_S) -> Histogram:
        """`buckets`: their upper bounds, ascending."""
        bounds = tuple(map(float, buckets))
        if not bounds or len(bounds) > 64 or list(bounds) != sorted(set(bounds)):
            raise PluginError(f"the metric {name}: buckets are 1 to 64 ascending numbers")
        return self._declared(Histogram, name, text, labels, bounds)

    def close(self) -> None:
        self._registry.drop(self)

    def _declared(self, kind: Callable[..., _M], name: str, text: str, labels: tuple[str, ...], *more: Any) -> _M:
        for one in (name, *labels):
            if not isinstance(one, str) or not _NAME.match(one) or one == "le":
                raise PluginError(f"{one!r} can't be a metric's name or label: lower case, digits and _, like orders_seen")
        if len(labels) > MOST_LABELS or len(set(labels)) < len(labels):
            raise PluginError(f"the metric {name}: at most {MOST_LABELS} labels, none of them twice")
        if name not in self._names and len(self._names) >= MOST_METRICS:
            raise PluginError(f"the metric {name}: a plugin may have {MOST_METRICS}, no more")
        full = f"fastgate_plugin_{self.plugin.replace('-', '_')}_{name}"
        metric = self._registry.declare(kind(full, text, labels, self._registry, *more), self)
        self._names.add(name)
        return metric

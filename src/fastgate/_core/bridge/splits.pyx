"""For each route a series by service chosen, so that a canary's codes and latencies stand apart from the others'."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_t
from fastgate._core.snapshot.keep cimport keep_room
from fastgate._core.snapshot.snapshot cimport service_t, split_series_t


cdef class Splits:
    def __cinit__(self, object model, dict places):
        self.labels = {}
        n_services = len(places["services"])
        for plugin in model.plugins:
            if plugin["name"] != "traffic-split":
                continue
            labels = self.labels.setdefault((plugin["route"], plugin["service"]), set())
            for split in [split for rule in plugin["config"]["rules"] for split in rule["splits"]]:
                if split["service"] is not None:
                    labels.add(places["services"][split["service"]])
                elif split["upstream"] is not None:
                    labels.add(n_services + places["targets"][split["upstream"], 0])

    cdef int put(self, snapshot_t *snapshot, route_t *route, dict entity, str name, SeriesRegistry series) except -1:
        cdef set labels
        cdef split_series_t *split
        cdef const service_t *service
        cdef span_t text
        cdef uint32_t label
        if not self.labels:
            return 0
        here, service_id = entity["id"], entity["service"]
        # Whoever calls: one of a consumer's own may run for any route.
        scopes = {(None, None), (here, None), (None, service_id), (here, service_id)}
        labels = set().union(*[self.labels.get(scope, ()) for scope in scopes])
        route.splits = <split_series_t *>keep_room(&snapshot.arena, len(labels) * sizeof(split_series_t))
        for label in sorted(labels):
            service = &snapshot.services[label] if label < snapshot.n_services else &snapshot.targets[label - snapshot.n_services]
            text = service.name
            split = &route.splits[route.n_splits]
            split.series = series.get(text.at[:text.len].decode(), name)
            split.label = label
            route.n_splits += 1
        return 0

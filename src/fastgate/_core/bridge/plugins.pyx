"""Plugins of the Model into a snapshot.

Which configuration of a plugin runs for a request depends on its route, its service and its
consumer (as Kong's: eight levels). Route and service are known here, so a chain is compiled
for each route and holds what is left to find out: the consumer.
"""

from libc.stdint cimport uint16_t, uint32_t, uintptr_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.plugin.registry cimport plugin_build
from fastgate._core.snapshot.keep cimport keep_room, keep_text
from fastgate._core.snapshot.plugin cimport CHAIN_MAX_STEPS, consumer_plugin_t, consumer_t, plugin_t, step_t

from fastgate._core.bridge.errors import SnapshotError


cdef class Chains:
    def __cinit__(self, object model, PythonQueue python, dict places):
        cdef dict priorities = {plugin["name"]: plugin["priority"] for plugin in model.plugins}
        self.model = model
        self.python = python
        self.names = sorted(priorities, key=lambda name: (-priorities[name], name))
        self.kinds = {name: kind for kind, name in enumerate(self.names)}
        self.consumers = {consumer["id"]: at for at, consumer in enumerate(model.consumers)}
        self.places = {"consumers": self.consumers, **places}
        self.scopes = {}
        self.of_pairs = {}
        self.for_some = set()
        self.wanting = set()
        self.keeping = set()
        self.built = {}
        for at, plugin in enumerate(model.plugins):
            name, route, service, consumer = plugin["name"], plugin["route"], plugin["service"], plugin["consumer"]
            self.scopes[name, route, service, consumer] = at
            if consumer is not None and (route or service):
                # Levels 1 to 3: with both, with the route, with the service.
                rank = 1 if route and service else 2 if route else 3
                self.of_pairs.setdefault((name, "route" if route else "service", route or service), []).append((consumer, rank, service, at))
            elif consumer is not None:
                self.for_some.add(name)

    cdef int build_plugins(self, snapshot_t *snapshot) except -1:
        cdef arena_t *arena = &snapshot.arena
        cdef plugin_t *plugin
        cdef consumer_t *consumer
        if len(self.names) > CHAIN_MAX_STEPS:
            raise SnapshotError("plugins", "name",
                                f"{len(self.names)} different plugins; the most is {CHAIN_MAX_STEPS}: remove some")
        snapshot.plugins = <plugin_t *>keep_room(arena, len(self.model.plugins) * sizeof(plugin_t))
        for entity in self.model.plugins:
            plugin = &snapshot.plugins[snapshot.n_plugins]
            snapshot.n_plugins += 1             # from here on snapshot_free closes it
            keep_text(arena, entity["id"], &plugin.id)
            if entity["is_native"]:
                try:
                    plugin_build(plugin, snapshot, entity, self.model, self.places)
                except SnapshotError as error:
                    error.id = error.id or entity["id"]
                    raise
            else:
                self.python.build(plugin, snapshot, entity, self.model)
            if plugin.wants_match:
                self.wanting.add(self.kinds[entity["name"]])
            if plugin.keeps_answer:
                self.keeping.add(self.kinds[entity["name"]])
            self.logs |= plugin.log != NULL
            if entity["consumer"] is not None and not entity["route"] and not entity["service"]:
                consumer = &snapshot.consumers[<uint32_t>self.consumers[entity["consumer"]]]
                if consumer.plugins == NULL:
                    consumer.plugins = <const plugin_t **>keep_room(arena, len(self.names) * sizeof(plugin_t *))
                consumer.plugins[<uint32_t>self.kinds[entity["name"]]] = plugin
        return self._put_global(snapshot)

    cdef int _put_global(self, snapshot_t *snapshot) except -1:
        """Of each name, what is configured for everybody: where no route is known (as in Kong)."""
        cdef const plugin_t *plugin
        cdef uint32_t at
        parts = []
        snapshot.rewriting = <const plugin_t **>keep_room(&snapshot.arena, len(self.names) * sizeof(plugin_t *))
        for name in self.names:
            if (name, None, None, None) in self.scopes:
                at = self.scopes[name, None, None, None]
                plugin = &snapshot.plugins[at]
                if plugin.rewrite != NULL:
                    snapshot.rewriting[snapshot.n_rewriting] = plugin
                    snapshot.n_rewriting += 1
                if plugin.header_filter != NULL or plugin.log != NULL:
                    parts.append((self.kinds[name], at, False, ()))
        if parts:
            snapshot.for_all = _chain(snapshot, tuple(parts), self.wanting, self.keeping, self.logs)
        return 0

    def parts(self, route: dict) -> tuple:
        """What this route's chain is made of: (kind, plugin or -1, is of both, ((consumer, plugin), …)) by kind."""
        found = []
        here, service = route["id"], route["service"]
        for kind, name in enumerate(self.names):
            of_both = self.scopes.get((name, here, service, None)) if service else None
            plain = of_both
            for scope in ((name, here, None, None), (name, None, service, None), (name, None, None, None)):
                if plain is None:
                    plain = self.scopes.get(scope)
            best = {}
            for scope, id in (("route", here), ("service", service)):
                for consumer, rank, with_service, at in self.of_pairs.get((name, scope, id), ()):
                    if rank == 1 and with_service != service:
                        continue
                    if consumer not in best or rank < best[consumer][0]:
                        best[consumer] = rank, at
            if plain is not None or best or name in self.for_some:
                pairs = sorted((self.consumers[consumer], at) for consumer, (_, at) in best.items())
                found.append((kind, -1 if plain is None else plain, of_both is not None, tuple(pairs)))
        return tuple(found)

    cdef const chain_t *of_route(self, snapshot_t *snapshot, dict route) except? NULL:
        """NULL: no plugin has to do with it. Equal chains are shared."""
        cdef tuple parts
        cdef uintptr_t address
        if not self.names:
            return NULL
        parts = self.parts(route)
        if not parts:
            return NULL
        if parts not in self.built:
            self.built[parts] = <uintptr_t>_chain(snapshot, parts, self.wanting, self.keeping, self.logs)
        address = self.built[parts]
        return <const chain_t *>address


cdef chain_t *_chain(snapshot_t *snapshot, tuple parts, set wanting, set keeping, bint logs) except NULL:
    cdef arena_t *arena = &snapshot.arena
    cdef chain_t *chain = <chain_t *>keep_room(arena, sizeof(chain_t))
    cdef consumer_plugin_t *pair
    cdef step_t *step
    cdef uint32_t at
    chain.logs = logs
    chain.steps = <step_t *>keep_room(arena, len(parts) * sizeof(step_t))
    for kind, plain, of_both, pairs in parts:
        step = &chain.steps[chain.n_steps]
        chain.n_steps += 1
        step.kind = <uint16_t>kind
        step.is_of_both = of_both
        chain.wants_match |= kind in wanting
        chain.keeps_answer |= kind in keeping
        if plain >= 0:
            at = plain
            step.plugin = &snapshot.plugins[at]
            chain.authenticates |= step.plugin.authenticates
        step.consumers = <consumer_plugin_t *>keep_room(arena, len(pairs) * sizeof(consumer_plugin_t))
        for consumer, plugin in pairs:
            pair = <consumer_plugin_t *>&step.consumers[step.n_consumers]
            at = consumer
            pair.consumer = &snapshot.consumers[at]
            at = plugin
            pair.plugin = &snapshot.plugins[at]
            step.n_consumers += 1
    return chain

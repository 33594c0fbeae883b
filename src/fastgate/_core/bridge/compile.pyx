"""Model to snapshot: settings, services, routes and the router, all in one arena."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport calloc
from libc.string cimport memcpy

from fastgate._core.base.arena cimport arena_open, arena_t
from fastgate._core.bridge.consumers cimport put_consumers
from fastgate._core.bridge.plugins cimport Chains
from fastgate._core.bridge.python_phase cimport PythonQueue
from fastgate._core.bridge.series_registry cimport SeriesRegistry
from fastgate._core.bridge.shared_limits cimport SharedLimits
from fastgate._core.bridge.splits cimport Splits
from fastgate._core.bridge.upstreams cimport Upstream
from fastgate._core.net.address cimport cidr_t
from fastgate._core.observe.access_format cimport access_is_plain
from fastgate._core.snapshot.keep cimport keep_room, keep_text, keep_texts, ns_of_ms
from fastgate._core.snapshot.routes_builder cimport routes_build
from fastgate._core.snapshot.snapshot cimport (
    HASH_CONSUMER,
    HASH_COOKIE,
    HASH_HEADER,
    HASH_IP,
    HASH_NONE,
    HASH_PATH,
    HASH_QUERY_ARG,
    HASH_URI_CAPTURE,
    hash_key_t,
    live_t,
    route_t,
    service_t,
    settings_t,
    snapshot_free,
    snapshot_t,
)



HASH_SOURCES = {
    "none": HASH_NONE,
    "consumer": HASH_CONSUMER,
    "ip": HASH_IP,
    "header": HASH_HEADER,
    "cookie": HASH_COOKIE,
    "path": HASH_PATH,
    "query_arg": HASH_QUERY_ARG,
    "uri_capture": HASH_URI_CAPTURE,
}


cdef int _put_trusted(arena_t *arena, settings_t *settings, list trusted) except -1:
    cdef cidr_t *cidr
    cdef bytes packed
    if not trusted:
        return 0
    import ipaddress        # here: most gateways name no addresses

    settings.trusted = <cidr_t *>keep_room(arena, len(trusted) * sizeof(cidr_t))
    for text in trusted:
        cidr = &settings.trusted[settings.n_trusted]
        if text == "unix:":
            cidr.is_unix = True
        else:
            network = ipaddress.ip_network(text, strict=False)
            packed = network.network_address.packed
            cidr.bits = <uint8_t>(network.prefixlen + (96 if network.version == 4 else 0))
            if network.version == 4:
                packed = b"\0" * 10 + b"\xff\xff" + packed
            memcpy(cidr.bytes, <const char *>packed, 16)
        settings.n_trusted += 1
    return 0


cdef int _put_settings(arena_t *arena, settings_t *settings, dict gateway) except -1:
    limits = gateway["limits"]
    timeouts = gateway["timeouts"]
    keepalive = gateway["keepalive"]
    prefix = gateway["header_prefix"]
    settings.parser.header_bytes = limits["header_bytes"]
    settings.parser.headers = limits["headers"]
    settings.parser.uri_bytes = limits["uri_bytes"]
    settings.parser.chunk_extension_bytes = limits["chunk_extension_bytes"]
    settings.body_bytes = limits["body_bytes"]
    settings.retry_buffer_bytes = limits["retry_buffer_bytes"]
    settings.python_body_bytes = gateway["python"]["body"]
    settings.regex_match_limit = limits["regex_match_limit"]
    settings.min_rate = timeouts["min_rate"]
    settings.pool.size = keepalive["pool_size"]
    settings.pool.max_requests = keepalive["max_requests"]
    settings.pool.idle_ns = ns_of_ms(keepalive["idle_timeout"])
    settings.timeouts.client_header = ns_of_ms(timeouts["client_header"])
    settings.timeouts.client_body = ns_of_ms(timeouts["client_body"])
    settings.timeouts.client_write = ns_of_ms(timeouts["client_write"])
    settings.timeouts.keep_alive = ns_of_ms(timeouts["keep_alive"])
    settings.timeouts.tunnel = ns_of_ms(timeouts["tunnel"])
    settings.timeouts.linger = ns_of_ms(timeouts["linger"])
    keep_text(arena, prefix, &settings.header_prefix)
    keep_text(arena, prefix + "-Request-Id", &settings.request_id_name)
    keep_text(arena, prefix + "-Upstream-Latency", &settings.upstream_latency_name)
    keep_text(arena, prefix + "-Proxy-Latency", &settings.proxy_latency_name)
    keep_text(arena, prefix + "-Response-Latency", &settings.response_latency_name)
    keep_text(arena, gateway["real_ip_header"].lower(), &settings.real_ip_header)
    settings.real_ip_recursive = gateway["real_ip_recursive"]
    _put_trusted(arena, settings, list(gateway["trusted_ips"]))
    settings.upgrades = keep_texts(arena, [token.lower() for token in gateway["allowed_upgrades"]], &settings.n_upgrades)
    return 0


cdef int _put_hash(arena_t *arena, hash_key_t *key, dict upstream, str which) except -1:
    source = upstream.get(which) or "none"
    key.source = HASH_SOURCES[source]
    if source == "cookie":
        keep_text(arena, upstream["hash_on_cookie"] or "", &key.name)
    elif source in ("header", "query_arg", "uri_capture"):
        keep_text(arena, upstream[f"{which}_{source}"] or "", &key.name)
    return 0


cdef int _put_service(arena_t *arena, service_t *service, dict entity, dict upstream, Upstream peers) except -1:
    keep_text(arena, entity["name"] or entity["id"], &service.name)
    service.is_plain = access_is_plain(service.name)
    keep_text(arena, entity["path"] or "", &service.path)
    service.connect_timeout_ns = ns_of_ms(entity["connect_timeout"])
    service.write_timeout_ns = ns_of_ms(entity["write_timeout"])
    service.read_timeout_ns = ns_of_ms(entity["read_timeout"])
    service.retries = entity["retries"]
    service.is_application = entity["host"].startswith("asgi:")
    return _put_upstream(arena, service, upstream, peers)


cdef int _put_upstream(arena_t *arena, service_t *service, dict upstream, Upstream peers) except -1:
    service.upstream = &peers.c_upstream
    keep_text(arena, (upstream["host_header"] if upstream else None) or "", &service.host_header)
    if upstream:
        _put_hash(arena, &service.hash_on, upstream, "hash_on")
        _put_hash(arena, &service.hash_fallback, upstream, "hash_fallback")
        keep_text(arena, upstream["hash_on_cookie_path"] or "/", &service.hash_cookie_path)
    return 0


cdef dict _put_targets(snapshot_t *snapshot, object model, dict upstreams, dict by_name):
    """What plugins send to without a service; (host, port) -> its place."""
    cdef dict places = {}
    cdef service_t *service
    cdef list targets = [tuple(target) for plugin in model.plugins for target in plugin["targets"]]
    snapshot.targets = <service_t *>keep_room(&snapshot.arena, len(targets) * sizeof(service_t))
    for target in targets:
        if target not in places:
            service = &snapshot.targets[snapshot.n_targets]
            keep_text(&snapshot.arena, target[0], &service.name)
            service.is_plain = access_is_plain(service.name)
            _put_upstream(&snapshot.arena, service, by_name.get(target[0]), upstreams[target])
            places[target] = snapshot.n_targets
            snapshot.n_targets += 1
    return places


cdef int _put_all(snapshot_t *snapshot, object model, dict upstreams, SeriesRegistry series, uint32_t n_reactors,
                  PythonQueue python, SharedLimits shared) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef dict by_name = {upstream["name"]: upstream for upstream in model.upstreams}
    cdef dict positions = {}
    cdef service_t *service
    cdef route_t *route
    cdef uint32_t i
    cdef list routes = model.routes
    cdef Chains chains
    cdef Splits splits
    cdef dict entity, places
    _put_settings(arena, &snapshot.settings, model.gateway)
    snapshot.services = <service_t *>keep_room(arena, len(model.services) * sizeof(service_t))
    for entity in model.services:
        service = &snapshot.services[snapshot.n_services]
        _put_service(arena, service, entity, by_name.get(entity["host"]), upstreams[entity["id"]])
        positions[entity["id"]] = snapshot.n_services
        snapshot.n_services += 1
    names = {entity["id"]: entity["name"] or entity["id"] for entity in model.services}
    put_consumers(snapshot, model.consumers)
    places = {"services": positions, "targets": _put_targets(snapshot, model, upstreams, by_name), "n_reactors": n_reactors,
              "shared": shared}
    chains = Chains(model, python, places)
    chains.build_plugins(snapshot)
    splits = Splits(model, places)
    snapshot.routes = <route_t *>keep_room(arena, len(routes) * sizeof(route_t))
    for entity in routes:
        route = &snapshot.routes[snapshot.n_routes]
        name = entity["name"] or entity["id"]
        keep_text(arena, name, &route.name)
        route.is_plain = access_is_plain(route.name)
        if entity["service"] is not None:
            i = positions[entity["service"]]
            route.service = &snapshot.services[i]
        route.strip_path = entity["strip_path"]
        route.preserve_host = entity["preserve_host"]
        route.chain = chains.of_route(snapshot, entity)
        route.series = series.get(names.get(entity["service"], ""), name)
        snapshot.n_routes += 1          # from here on snapshot_free gives its series back
        splits.put(snapshot, route, entity, name, series)
    snapshot.router = routes_build(arena, routes)
    return 0


cdef snapshot_t *compile_snapshot(object model, dict upstreams, SeriesRegistry series, uint32_t n_reactors,
                                  uint64_t number, PythonQueue python, SharedLimits shared) except NULL:
    cdef arena_t arena
    cdef snapshot_t *snapshot
    arena_open(&arena)
    snapshot = <snapshot_t *>keep_room(&arena, sizeof(snapshot_t))
    snapshot.arena = arena
    snapshot.number = number
    try:
        snapshot.live = <live_t *>calloc(n_reactors, sizeof(live_t))
        if snapshot.live == NULL:
            raise MemoryError("no memory for the configuration")
        _put_all(snapshot, model, upstreams, series, n_reactors, python, shared)
    except BaseException:
        snapshot_free(snapshot)
        raise
    return snapshot

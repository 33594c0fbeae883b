"""A snapshot: the whole configuration, compiled, immutable, numbered.

Published as one pointer. Each reactor adopts it at its next loop; requests in
flight keep the snapshot they began with, counted per reactor, and the control
thread frees it once no reactor can reach it.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.http.parser cimport parser_limits_t
from fastgate._core.net.address cimport address_t, cidr_contains, cidr_t
from fastgate._core.observe.series cimport series_t
from fastgate._core.route.router cimport router_t
from fastgate._core.snapshot.plugin cimport chain_t, consumer_t, plugin_t
from fastgate._core.upstream.pool cimport pool_limits_t
from fastgate._core.upstream.upstream cimport upstream_t


cdef enum hash_source_t:
    # Kong's `hash_on` and `hash_fallback`
    HASH_NONE = 0
    HASH_CONSUMER
    HASH_IP
    HASH_HEADER
    HASH_COOKIE
    HASH_PATH
    HASH_QUERY_ARG
    HASH_URI_CAPTURE


cdef struct hash_key_t:
    # Owner: the snapshot's arena. Read-only after build.
    hash_source_t source
    span_t name                 # header, cookie, argument or capture


cdef struct service_t:
    # Owner: the snapshot. Read-only after build.
    span_t name                 # or its id, when it has none
    uint8_t is_plain            # the name: log_name_t's
    span_t host_header          # Host towards the upstream; empty: the target's own
    span_t path
    upstream_t *upstream
    hash_key_t hash_on
    hash_key_t hash_fallback
    span_t hash_cookie_path     # for a cookie the gateway sets
    uint64_t connect_timeout_ns
    uint64_t write_timeout_ns
    uint64_t read_timeout_ns
    uint32_t retries
    uint8_t is_application      # in this process: what it was handed it is not handed again


cdef enum:
    SPLIT_OWN = 0xffffffff      # no label: counts in the route's own series


cdef struct split_series_t:
    # Part of its route. Read-only after build: the requests of a route that traffic-split sends elsewhere.
    uint32_t label              # place in services, or behind those in targets
    series_t *series            # one reference held


cdef struct route_t:
    # Owner: the snapshot, in the order of the router's indices. Read-only after build.
    span_t name                 # or its id, when it has none
    uint8_t is_plain            # the name: log_name_t's
    service_t *service          # NULL: none
    series_t *series            # one reference held
    const chain_t *chain        # its plugins; NULL: none
    split_series_t *splits
    uint32_t n_splits
    uint8_t strip_path
    uint8_t preserve_host


cdef struct timeouts_t:
    # Part of settings_t. Read-only after build. Nanoseconds.
    uint64_t client_header
    uint64_t client_body
    uint64_t client_write
    uint64_t keep_alive
    uint64_t tunnel
    uint64_t linger


cdef struct settings_t:
    # Owner: the snapshot. Read-only after build: the `gateway:` section.
    parser_limits_t parser
    pool_limits_t pool
    timeouts_t timeouts
    uint64_t body_bytes         # 0: no limit
    uint32_t retry_buffer_bytes
    uint32_t python_body_bytes  # of a body, the most that plugins in Python are shown
    uint32_t min_rate           # bytes per second a client must move
    uint32_t regex_match_limit
    span_t header_prefix        # "X-Fastgate"
    span_t request_id_name      # "X-Fastgate-Request-Id"
    span_t upstream_latency_name
    span_t proxy_latency_name
    span_t response_latency_name
    span_t real_ip_header       # lower case; empty: the socket's address is the client's
    uint8_t real_ip_recursive
    cidr_t *trusted
    uint32_t n_trusted
    span_t *upgrades            # tokens besides websocket that may pass, lower case
    uint32_t n_upgrades


cdef enum credentials_t:
    CREDENTIALS_KEY
    CREDENTIALS_BASIC
    CREDENTIALS_HMAC
    CREDENTIALS_JWT
    # the consumers themselves
    CREDENTIALS_CUSTOM_ID
    CREDENTIALS_USERNAME
    CREDENTIALS_ID
    CREDENTIALS_COUNT


cdef struct secret_arg_t:
    # A query argument whose values no log may show. Owner: the snapshot's arena. Read-only after build.
    secret_arg_t *next
    span_t name


cdef struct live_t:
    # Part of snapshot_t. Exchanges of one reactor that use it: written by it, read by control.
    uint64_t exchanges
    uint64_t padding[7]         # a cache line each


cdef struct snapshot_t:
    # Owner: the control thread (bridge/gateway), which frees it in snapshot_free.
    # read-only after build
    uint64_t number
    arena_t arena
    settings_t settings
    router_t *router
    route_t *routes
    uint32_t n_routes
    service_t *services
    uint32_t n_services
    service_t *targets          # what plugins send to without a service: of these name, upstream, Host and hashing
    uint32_t n_targets
    consumer_t *consumers
    uint32_t n_consumers
    plugin_t *plugins
    uint32_t n_plugins
    const plugin_t **rewriting  # those with a part in the rewrite phase, by priority
    uint32_t n_rewriting
    const chain_t *for_all      # what is configured for everybody, for requests that meet no route's; NULL: no filter or log there
    void *names                 # plugin/python_names; NULL: no plugin in Python asks for any
    void *credentials[CREDENTIALS_COUNT]    # by credentials_t: the table its plugins share; NULL: none of them is configured
    secret_arg_t *secret_args   # each name once
    # each written by its reactor only
    live_t *live                # one per reactor


cdef void snapshot_free(snapshot_t *snapshot) noexcept nogil


cdef inline bint settings_trusts(const settings_t *settings, const address_t *address) noexcept nogil:
    cdef uint32_t i
    for i in range(settings.n_trusted):
        if cidr_contains(&settings.trusted[i], address):
            return True
    return False

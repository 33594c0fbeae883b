"""The gateway as Python sees it: lanes, snapshots published and retired, figures."""

import os

cimport cython
from libc.stdint cimport uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free
from libc.string cimport memcpy

from fastgate._core.auth.token_cache cimport (
    token_cache_counts,
    token_cache_counts_t,
    token_cache_free,
    token_cache_new,
)
from fastgate._core.base.atomics cimport (
    atomic_load_u32,
    atomic_load_u64,
    atomic_load_u64_acquire,
    atomic_store_ptr,
    atomic_store_u32,
    atomic_store_u64,
)
from fastgate._core.base.memory cimport MEMORY_UNLIMITED, memory_figures, memory_figures_t, memory_limit
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport OK
from fastgate._core.bridge.access_log cimport AccessLog
from fastgate._core.bridge.bans cimport Bans
from fastgate._core.bridge.compile cimport compile_snapshot
from fastgate._core.bridge.python_phase cimport PythonQueue, python_named
from fastgate._core.bridge.remote_keys cimport RemoteKeys
from fastgate._core.bridge.series_registry cimport SeriesRegistry
from fastgate._core.bridge.shared_limits cimport SharedLimits
from fastgate._core.bridge.upstreams cimport PeerPlan, Upstream
from fastgate._core.limit.table cimport (
    limit_table_close,
    limit_table_evictions,
    limit_table_keys,
    limit_table_open,
)
from fastgate._core.observe.counters cimport counters_t
from fastgate._core.proxy.exchange cimport LANE_INPUT_BYTES, LANE_OUTPUT_BYTES, gate_t, lane_t
from fastgate._core.proxy.lane cimport lane_close, lane_listen, lane_open, lane_post_drain, lane_post_retire, lane_post_short
from fastgate._core.reactor.reactor cimport reactor_run, reactor_stop, reactor_wake
from fastgate._core.snapshot.snapshot cimport snapshot_free, snapshot_t
from fastgate._core.upstream.balancer.peer_set cimport peer_set_free
from fastgate._core.upstream.balancer.policy cimport BALANCER_MAX_REACTORS, peer_set_t
from fastgate._core.upstream.peer cimport peer_t, peer_unref


cdef class RetiredPeers:
    """A replaced peer set, until every reactor has begun a loop since."""
    cdef peer_set_t *c_set
    cdef list loops                 # loops_done of each lane when it was replaced

    def __dealloc__(self):
        peer_set_free(self.c_set)


cdef class Snapshot:
    """A compiled configuration and the upstreams it keeps alive."""
    cdef snapshot_t *c_snapshot
    cdef list upstreams

    def __dealloc__(self):
        if self.c_snapshot != NULL:
            snapshot_free(self.c_snapshot)


@cython.no_gc           # part of no cycle; and no collector empties what its lanes, closed first, still point at
cdef class Gateway:
    """The data plane: `workers` reactors over one current snapshot.

    All methods but `run_reactor` belong to one thread, the control thread.

    Args:
        workers: number of reactors, 1 to 64.
        settings: `Model.gateway`; what only a start can set is taken from it here.

    Raises:
        OSError: no descriptors for the reactors, or the access log cannot be opened.
        MemoryError, ValueError.
    """
    cdef gate_t gate
    cdef lane_t **lanes
    cdef uint32_t n_lanes
    cdef list running               # bool per lane
    cdef Snapshot current
    cdef list old                   # snapshots that may still be in use
    cdef list retired_peers
    cdef dict upstreams             # key -> Upstream, of the current snapshot
    cdef set known                  # of the old ones, too
    cdef dict addresses             # (host, port) -> list of IPs
    cdef SeriesRegistry registry
    cdef RemoteKeys remote_keys
    cdef uint64_t number
    cdef readonly object access_log
    cdef readonly Bans bans
    cdef readonly SharedLimits shared_limits
    cdef readonly PythonQueue python_queue      # None: no plugin in Python has been configured

    def __cinit__(self, uint32_t workers, dict settings):
        cdef uint64_t seed = int.from_bytes(os.urandom(8), "little")
        cdef uint64_t[2] secret
        cdef uint32_t i
        cdef AccessLog log
        if not 1 <= workers <= BALANCER_MAX_REACTORS:
            raise ValueError(f"{workers} workers: use 1 to {BALANCER_MAX_REACTORS}")
        self.running = [False for i in range(workers)]
        self.old = []
        self.retired_peers = []
        self.upstreams = {}
        self.known = set()
        self.addresses = {}
        self.registry = SeriesRegistry(workers)
        self.set_connection_limit(settings["limits"]["connections"])
        if settings["access_log"]["path"] != "off":
            log = AccessLog(settings["access_log"]["path"], settings["access_log"]["format"], workers)
            self.access_log = log
            self.gate.access_log = log.pointer()
        if settings["limits"]["token_cache"]:
            for i in range(2):
                secret[i] = int.from_bytes(os.urandom(8), "little")
            self.gate.tokens = token_cache_new(settings["limits"]["token_cache"], secret)
            if self.gate.tokens == NULL:
                raise MemoryError("no memory for the cache of verified tokens")
        if limit_table_open(&self.gate.limits, settings["limits"]["rate_limit_keys"]) != OK:
            raise MemoryError("no memory for limits.rate_limit_keys")
        self.bans = Bans(settings["limits"]["visitors"])
        self.gate.guard = &self.bans.table
        self.shared_limits = SharedLimits()
        self.shared_limits.table = &self.gate.limits
        self.lanes = <lane_t **>calloc(workers, sizeof(lane_t *))
        if self.lanes == NULL:
            raise MemoryError("no memory for the reactors")
        for i in range(workers):
            self.lanes[i] = <lane_t *>calloc(1, sizeof(lane_t))
            if self.lanes[i] == NULL:
                raise MemoryError("no memory for the reactors")
            self.n_lanes = self.gate.n_lanes = i + 1
            if not lane_open(self.lanes[i], &self.gate, i, seed):
                raise OSError("no memory or no descriptors left for the reactors")
        self.remote_keys = RemoteKeys()
        self.remote_keys.gate = &self.gate
        self.remote_keys.lanes = self.lanes

    def __dealloc__(self):
        cdef uint32_t i
        for i in range(self.n_lanes):
            lane_close(self.lanes[i])
            free(self.lanes[i])
        free(self.lanes)
        token_cache_free(self.gate.tokens)
        limit_table_close(&self.gate.limits)

    def listen(self, list fds, bint is_shared, uint16_t port, bint is_unix) -> None:
        """Accept on these listening, non-blocking sockets, which stay the caller's; before the reactors run.

        fds: one per reactor, or (is_shared) one for all.
        """
        cdef uint32_t i
        for i in range(self.n_lanes):
            if not lane_listen(self.lanes[i], fds[0] if is_shared else fds[i], is_shared, port, is_unix):
                raise ValueError("too many listeners: at most 32 addresses")

    # --- configuration

    def publish(self, object model, dict python=None) -> int:
        """Compile `model` and make it the current snapshot at once, for all new requests.

        python: for each plugin in Python, id -> (handle, hooks, body_bytes): what its calls are known by,
        which hooks it has, the largest body it reads (None: none). Without: it is only checked, and never called.

        Returns its number. Raises SnapshotError (what cannot be compiled, and where) or
        MemoryError; the snapshot before stays current then.
        """
        cdef Snapshot snapshot = Snapshot()
        cdef dict by_service = {}
        cdef dict wanted = self._wanted_upstreams(model, by_service)
        cdef PeerPlan plan
        cdef list plans = self._plans(model, wanted)
        snapshot.c_snapshot = compile_snapshot(model, by_service, self.registry, self.n_lanes, self.number + 1,
                                               self._python(model, python), self.shared_limits)
        snapshot.upstreams = list(wanted.values())
        # Nothing below can fail.
        for plan in plans:
            self._commit(plan)
        self.number += 1
        self.upstreams = wanted
        self.known.update(wanted.values())
        if self.current is not None:
            self.old.append(self.current)
        self.current = snapshot
        atomic_store_ptr(&self.gate.snapshot, snapshot.c_snapshot)
        self._wake()
        return self.number

    cdef PythonQueue _python(self, object model, dict configured):
        """Ready to build the model's plugins in Python, if there are any."""
        if self.python_queue is None and not all([entity["is_native"] for entity in model.plugins]):
            self.python_queue = PythonQueue()
        if self.python_queue is not None:
            self.python_queue.configured = configured or {}
            self.python_queue.most = model.gateway["python"]["calls"]
            self.python_queue.timeout_ms = model.gateway["python"]["timeout"]
        return self.python_queue

    def take_python_calls(self) -> list:
        """All calls that the reactors have queued, in order."""
        return self.python_queue.take(self)

    def find_named(self, uint64_t number, int kind, str name):
        """For PythonCall.find, from any thread: (place, id, username or name, custom_id) of that snapshot. None: none."""
        cdef Snapshot snapshot
        cdef bytes data = name.encode()
        for snapshot in [self.current, *self.old]:
            if snapshot.c_snapshot.number == number:
                return python_named(snapshot.c_snapshot, kind, span_of(<const char *>data, <size_t>len(data)))
        return None     # its exchange has ended, and no verdict is carried out any more

    def series_of(self, uint64_t number, bytes place, str route) -> int:
        """For PythonCall's verdicts: the address of what requests of that route count in once they are sent to the service
        at `place` (as `find_named` told it). 0: that snapshot is gone, or has no such place."""
        cdef Snapshot snapshot
        cdef uint32_t at = 0
        if len(place) != sizeof(at):
            return 0
        memcpy(&at, <const char *>place, sizeof(at))
        for snapshot in [self.current, *self.old]:
            if snapshot.c_snapshot.number == number and at < snapshot.c_snapshot.n_services:
                return <uintptr_t>self.registry.get_chosen(text_of(snapshot.c_snapshot.services[at].name), route)
        return 0

    def _wanted_upstreams(self, object model, dict by_service) -> dict:
        """Key -> Upstream for everything a service or a plugin points at; those known are kept."""
        cdef dict wanted = {}
        names = {upstream["name"] for upstream in model.upstreams}
        for service in model.services:
            key = service["host"] if service["host"] in names else (service["host"], service["port"])
            upstream = wanted.get(key) or self.upstreams.get(key)
            if upstream is None:
                upstream = Upstream(self.n_lanes)
            wanted[key] = by_service[service["id"]] = upstream
        for host, port in [target for plugin in model.plugins for target in plugin["targets"]]:
            key = host if host in names else (host, port)
            wanted[key] = by_service[host, port] = wanted.get(key) or self.upstreams.get(key) or Upstream(self.n_lanes)
        return wanted

    def _plans(self, object model, dict wanted) -> list:
        """Peer sets for the upstreams whose algorithm, slots or targets the model changes."""
        cdef dict shapes = {}
        cdef Upstream upstream
        for entity in model.upstreams:
            if entity["name"] in wanted:
                shapes[entity["name"]] = (
                    entity["algorithm"], entity["slots"],
                    [(target["host"], target["port"], target["weight"]) for target in entity["targets"]],
                )
        plans = []
        for key, upstream in wanted.items():
            shape = shapes.get(key) or ("round-robin", 10000, [(key[0], key[1], 100)])
            if shape != upstream.shape:
                plans.append(upstream.plan(shape, self.addresses))
        return plans

    cdef int _commit(self, PeerPlan plan) except -1:
        cdef list retired = []
        cdef uint32_t i
        cdef RetiredPeers old = RetiredPeers()
        cdef uintptr_t pointer
        old.c_set = plan.upstream.commit(plan, retired)
        old.loops = [atomic_load_u64_acquire(&self.lanes[i].reactor.loops_done) for i in range(self.n_lanes)]
        self.retired_peers.append(old)
        for pointer in retired:
            self._retire(<peer_t *>pointer)
        self._wake()
        return 0

    cdef void _retire(self, peer_t *peer) noexcept:
        """Close its idle connections and drop our reference; those in use end by themselves."""
        cdef uint32_t i
        for i in range(self.n_lanes):
            lane_post_retire(self.lanes[i], peer)
        peer_unref(peer)

    def upstream_names(self) -> list[tuple[str, int]]:
        """(host, port) of every target in use that is no address: host names, and ASGI applications."""
        cdef Upstream upstream
        return sorted({name for upstream in self.upstreams.values() for name in upstream.names()})

    def set_addresses(self, str host, int port, list addresses) -> None:
        """The IPs now behind a name, or an ASGI application's socket. An empty list keeps the last good ones."""
        cdef Upstream upstream
        if not addresses or self.addresses.get((host, port)) == addresses:
            return
        wanted = self.addresses | {(host, port): list(addresses)}
        for upstream in self.upstreams.values():
            if (host, port) in upstream.names():
                self._commit(upstream.plan(upstream.shape, wanted))
        self.addresses = wanted         # only now: where memory was short, the next call tries again

    def set_remote_keys(self, dict sets) -> None:
        """The keys now published by all sources: RemoteKeys.publish."""
        self.remote_keys.publish(sets, self.running)

    def wanted_keys(self) -> list[bytes]:
        """Sources that a token asked for another key since the last call."""
        return self.remote_keys.wanted()

    def collect_keys(self) -> int:
        """Free the keys of before that no reactor can use any more; how many tables remain."""
        return self.remote_keys.collect(self.running)

    def collect(self) -> int:
        """Free snapshots, peer sets and counters that nobody can use any more; how many remain."""
        cdef Snapshot snapshot
        cdef RetiredPeers peers
        self.old = [snapshot for snapshot in self.old if not self._is_unused(snapshot.c_snapshot)]
        self._retire_orphans()
        self.retired_peers = [peers for peers in self.retired_peers if not self._is_passed(peers)]
        if not self.old and not self.retired_peers:
            self._sweep_series()
            names = set(self.upstream_names())
            self.addresses = {name: ips for name, ips in self.addresses.items() if name in names}
        return self.remaining()

    cdef int _sweep_series(self) except -1:
        cdef snapshot_t *snapshot
        cdef uint32_t i
        if self.current is not None:
            snapshot = self.current.c_snapshot
            self.registry.sweep({text_of(snapshot.services[i].name) for i in range(snapshot.n_services)},
                                {text_of(snapshot.routes[i].name) for i in range(snapshot.n_routes)})
        return 0

    def remaining(self) -> int:
        """What `collect` has yet to free."""
        return len(self.old) + len(self.retired_peers)

    def retired(self) -> list[int]:
        """The numbers of the old snapshots that remain."""
        cdef Snapshot snapshot
        return [snapshot.c_snapshot.number for snapshot in self.old]

    cdef int _retire_orphans(self) except -1:
        """Upstreams that the last snapshot to name them left behind: their idle connections close."""
        cdef Upstream upstream
        cdef uintptr_t pointer
        cdef Snapshot snapshot
        held = set(self.upstreams.values()).union(*[snapshot.upstreams for snapshot in self.old])
        for upstream in [upstream for upstream in self.known if upstream not in held]:
            for pointer in upstream.give_up():
                self._retire(<peer_t *>pointer)
            self.known.discard(upstream)
        return 0

    cdef bint _is_unused(self, snapshot_t *snapshot) except -1:
        cdef uint32_t i
        for i in range(self.n_lanes):
            if self.running[i] and atomic_load_u64_acquire(&self.lanes[i].adopted) <= snapshot.number:
                return False
            if atomic_load_u64_acquire(&snapshot.live[i].exchanges):
                return False
        return True

    cdef bint _is_passed(self, RetiredPeers peers) except -1:
        cdef uint32_t i
        for i in range(self.n_lanes):
            if self.running[i] and atomic_load_u64_acquire(&self.lanes[i].reactor.loops_done) <= peers.loops[i]:
                return False
        return True

    cdef void _wake(self) noexcept:
        cdef uint32_t i
        for i in range(self.n_lanes):
            reactor_wake(&self.lanes[i].reactor)

    def set_wall_clock(self, offset_ns: int) -> None:
        """Wall clock minus monotonic clock, in nanoseconds: for dates and logs."""
        atomic_store_u64(&self.gate.wall_offset_ns, <uint64_t>offset_ns)

    def set_connection_limit(self, object setting) -> None:
        """`limits.connections`, for those that come from now on."""
        atomic_store_u32(&self.gate.max_connections, connection_limit(setting))

    def set_memory_limit(self, object limit, object with_kernel=None) -> None:
        """How many bytes the data path of this process may take from now on, and with what the kernel keeps for its
        sockets; None: as many as there are."""
        memory_limit(MEMORY_UNLIMITED if limit is None else <uint64_t>limit,
                     MEMORY_UNLIMITED if with_kernel is None else <uint64_t>with_kernel)

    def free_spare(self) -> None:
        """Memory is short: have the reactors give back what they keep for the next requests, but a little."""
        cdef uint32_t i
        for i in range(self.n_lanes):
            lane_post_short(self.lanes[i])

    # --- running

    def run_reactor(self, uint32_t index) -> None:
        """Serve until `stop`: the body of a thread of its own, without the GIL."""
        if index >= self.n_lanes or self.running[index]:
            raise ValueError(f"reactor {index} does not exist or runs already")
        if self.current is None:
            raise RuntimeError("publish a configuration before the reactors run")
        self.running[index] = True
        try:
            with nogil:
                reactor_run(&self.lanes[index].reactor)
        finally:
            self.running[index] = False

    def stop_accepting(self) -> None:
        """Begin to drain: listeners close, idle connections too, others end with their answer."""
        cdef uint32_t i
        atomic_store_u32(&self.gate.is_draining, 1)
        for i in range(self.n_lanes):
            if not lane_post_drain(self.lanes[i]):
                raise MemoryError("no memory to tell the reactors to drain")

    def is_accepting(self) -> bool:
        """Whether a reactor has listeners: until it has heard of `stop_accepting`, and taken what waited in them."""
        return atomic_load_u32(&self.gate.lanes_closed) < self.n_lanes

    def active(self) -> int:
        """Client connections still open."""
        return atomic_load_u32(&self.gate.connections)

    def stop(self) -> None:
        """Make every `run_reactor` return at once."""
        cdef uint32_t i
        for i in range(self.n_lanes):
            reactor_stop(&self.lanes[i].reactor)

    # --- figures

    def counters(self) -> dict[str, int]:
        """The fields of counters_t, summed over the reactors, and what the token cache and anti-bot have counted."""
        cdef dict sums = {}
        cdef counters_t *counters
        cdef token_cache_counts_t tokens
        cdef uint32_t i
        for i in range(self.n_lanes):
            counters = &self.lanes[i].reactor.counters
            for name, value in read_counters(counters).items():
                sums[name] = (sums.get(name, 0) + value) & 0xFFFFFFFFFFFFFFFF
        if self.gate.tokens != NULL:
            token_cache_counts(self.gate.tokens, &tokens)
            sums.update(tokens_hit=tokens.hits, tokens_missed=tokens.misses, tokens_evicted=tokens.evictions,
                        tokens_kept=tokens.entries)
        sums.update(bans_made=self.bans.made(), bans_active=len(self.bans.read()))
        return sums

    def limits(self) -> dict[str, int]:
        """Of rate limiting: keys that have counters, and keys that had to go so far for want of room."""
        return {"keys": limit_table_keys(&self.gate.limits), "evictions": limit_table_evictions(&self.gate.limits)}

    def memory(self) -> dict[str, int]:
        """Of the data path: bytes taken, the limit if there is one, refusals so far, the kernel's bytes for its sockets; and
        bytes of the blocks taken at the start."""
        cdef memory_figures_t figures = memory_figures()
        cdef dict limit = {} if figures.limit == MEMORY_UNLIMITED else {"limit": figures.limit}
        return {
            **limit,
            "used": figures.used,
            "refused": figures.refused,
            "kernel": figures.kernel,
            "tables": self.gate.limits.bytes + self.bans.table.bytes + self.n_lanes * (LANE_INPUT_BYTES + LANE_OUTPUT_BYTES),
        }

    def series(self) -> list[dict]:
        """Counters by service and route: see SeriesRegistry.read."""
        return self.registry.read()

    def snapshot_info(self) -> dict[str, int]:
        """The current snapshot: number, routes, services, upstreams, bytes; and how many old ones remain."""
        cdef snapshot_t *snapshot
        if self.current is None:
            return {"number": 0, "routes": 0, "services": 0, "upstreams": 0, "retired": 0, "bytes": 0}
        snapshot = self.current.c_snapshot
        return {
            "number": snapshot.number,
            "routes": snapshot.n_routes,
            "services": snapshot.n_services,
            "upstreams": len(self.upstreams),
            "retired": len(self.old),
            "bytes": snapshot.arena.total,
        }


cdef str text_of(span_t name):
    return name.at[:name.len].decode()


cdef dict read_counters(counters_t *counters):
    return {
        "connections_accepted": atomic_load_u64(&counters.connections_accepted),
        "connections_closed": atomic_load_u64(&counters.connections_closed),
        "connections_refused": atomic_load_u64(&counters.connections_refused),
        "requests": atomic_load_u64(&counters.requests),
        "requests_active": atomic_load_u64(&counters.requests_active),
        "bytes_in": atomic_load_u64(&counters.bytes_in),
        "bytes_out": atomic_load_u64(&counters.bytes_out),
        "upstream_opened": atomic_load_u64(&counters.upstream_opened),
        "upstream_reused": atomic_load_u64(&counters.upstream_reused),
        "upstream_failed": atomic_load_u64(&counters.upstream_failed),
        "upstream_closed": atomic_load_u64(&counters.upstream_closed),
        "upstream_idle": atomic_load_u64(&counters.upstream_idle),
        "retries": atomic_load_u64(&counters.retries),
        "refused_malformed": atomic_load_u64(&counters.refused_malformed),
        "rate_limited": atomic_load_u64(&counters.rate_limited),
        "keys_unknown": atomic_load_u64(&counters.keys_unknown),
        "bots_refused": atomic_load_u64(&counters.bots_refused),
        "bots_suspected": atomic_load_u64(&counters.bots_suspected),
        "timeouts_client": atomic_load_u64(&counters.timeouts_client),
        "timeouts_upstream": atomic_load_u64(&counters.timeouts_upstream),
        "tunnels": atomic_load_u64(&counters.tunnels),
        "mirrors_sent": atomic_load_u64(&counters.mirrors_sent),
        "mirrors_active": atomic_load_u64(&counters.mirrors_active),
        "mirrors_failed": atomic_load_u64(&counters.mirrors_failed),
        "mirrors_over_pending": atomic_load_u64(&counters.mirrors_over_pending),
        "mirrors_over_body": atomic_load_u64(&counters.mirrors_over_body),
        "mirrors_cut": atomic_load_u64(&counters.mirrors_cut),
        "mirrors_no_memory": atomic_load_u64(&counters.mirrors_no_memory),
        "bodies_collected": atomic_load_u64(&counters.bodies_collected),
        "loops": atomic_load_u64(&counters.loops),
        "log_dropped": atomic_load_u64(&counters.log_dropped),
    }


def connection_limit(setting) -> int:
    """`limits.connections`: a number, or "auto": three quarters of the descriptors the process may open."""
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        soft = 1 << 20
    return soft * 3 // 4 if setting == "auto" else setting

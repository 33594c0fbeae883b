"""Model.routes to a compiled router: criteria into candidates, hosts into groups that share a path tree."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport OK
from fastgate._core.http.uri cimport HOST_MAX_BYTES, host_parse, host_t, uri_normalise
from fastgate._core.route.host_table cimport HOST_PREFIX, HOST_SUFFIX, HOST_WHOLE, ROOT_NONE, host_entry_t
from fastgate._core.route.path_tree cimport path_item_t
from fastgate._core.route.pattern cimport (
    PATTERN_ANYWHERE, PATTERN_AT_START, PATTERN_CASELESS, pattern_compile, pattern_error_t, pattern_library_open,
    pattern_library_problem, pattern_literal, pattern_t,
)
from fastgate._core.route.predicate cimport header_rule_t, predicate_t, value_hash
from fastgate._core.route.router cimport rank_t, router_build, router_close, router_rank, router_t
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    METHOD_NEVER = 63               # a bit that no request's method has
    MAX_COUNTED_HEADERS = 255       # Kong caps the number of names that count towards a rank
    MAX_ITEMS = 5000000             # of the path trees: hosts times paths, summed up

# llhttp 9's numbers, by position. The parser refuses all other methods, so no route can see one.
METHODS = (
    "DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND"
    " UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE PATCH PURGE MKCALENDAR LINK"
    " UNLINK SOURCE PRI DESCRIBE ANNOUNCE SETUP PLAY PAUSE TEARDOWN GET_PARAMETER SET_PARAMETER REDIRECT RECORD FLUSH"
    " QUERY"
).split()
METHOD_BITS = {name: 1 << number for number, name in enumerate(METHODS)}

# What a request path never holds as it is: a route's path that does is matched in its escaped form.
ESCAPES = {byte: f"%{byte:02X}" for byte in (*range(0x21), *b"#?", *range(0x7F, 0x100))}


def entity_of(route: dict) -> str:
    return f'route "{route.get("name") or route.get("id")}"'


cdef class Builder:
    """Lives for one routes_build. What is kept goes to `arena`, the rest to `work`."""
    cdef arena_t *arena
    cdef arena_t work
    cdef router_t *router
    cdef rank_t *ranks
    cdef span_t *prefixes           # by candidate: where it hangs in a path tree
    cdef uint32_t n_ranks
    cdef uint32_t *first_rank       # by route, and one more
    cdef dict patterns              # (text, flags) -> address of its pattern_t
    cdef dict predicates            # headers as a tuple -> address of its predicate_t
    cdef dict header_ids            # lower-case name -> number from 1
    cdef dict hosts                 # (kind, name, port) -> routes
    cdef list any_host              # routes without hosts

    def __cinit__(self):
        arena_open(&self.work)

    def __dealloc__(self):
        arena_close(&self.work)

    def __init__(self):
        self.patterns = {}
        self.predicates = {}
        self.header_ids = {}
        self.hosts = {}
        self.any_host = []

    cdef int add_all(self, list routes) except -1:
        cdef Py_ssize_t most = 0, i
        cdef dict route
        for route in routes:
            most += max(1, len(route.get("paths") or ()))
        if most > MAX_ITEMS or len(routes) > MAX_ITEMS:
            raise SnapshotError("routes", "paths", f"more than {MAX_ITEMS} paths; leave some out")
        self.ranks = <rank_t *>keep_room(&self.work, <size_t>most * sizeof(rank_t))
        self.prefixes = <span_t *>keep_room(&self.work, <size_t>most * sizeof(span_t))
        self.first_rank = <uint32_t *>keep_room(&self.work, (<size_t>len(routes) + 1) * sizeof(uint32_t))
        for i in range(len(routes)):
            self.first_rank[i] = self.n_ranks
            self.add_route(routes[i], <uint32_t>i)
        self.first_rank[len(routes)] = self.n_ranks
        return 0

    cdef int add_route(self, dict route, uint32_t index) except -1:
        cdef list paths = list(route.get("paths") or ())
        cdef list hosts = list(route.get("hosts") or ())
        cdef dict headers = route.get("headers") or {}
        cdef object methods = route.get("methods") or ()
        cdef object protocols = route.get("protocols") or ("http", "https")
        cdef bint has_snis = bool(route.get("snis"))
        cdef uint64_t kinds, weight
        cdef rank_t rank
        cdef Py_ssize_t i
        cdef str path, host
        if not (paths or hosts or headers or methods):
            if has_snis:
                return 0                # needs TLS, which this version does not have
            raise SnapshotError(entity_of(route), "paths", "no criteria; set at least one of methods, hosts, headers, paths")
        if "http" not in protocols and "https" not in protocols:
            return 0
        rank.candidate.route = index
        rank.candidate.https_status = 0 if "http" in protocols else <uint16_t>(route.get("https_redirect_status_code") or 426)
        rank.candidate.methods = self.method_bits(methods)
        rank.candidate.predicate = self.predicate_of(route, headers) if headers else NULL
        kinds = bool(hosts) + bool(headers) + bool(paths) + bool(methods) + has_snis
        weight = (kinds << 56 | <uint64_t>bool(hosts) << 52 | <uint64_t>bool(headers) << 51 | <uint64_t>bool(paths) << 50
                  | <uint64_t>bool(methods) << 49 | <uint64_t>has_snis << 48
                  | <uint64_t>min(len(headers), MAX_COUNTED_HEADERS) << 8)
        if hosts and not any(["*" in host for host in hosts]):
            weight |= <uint64_t>1 << 40
        rank.created_at = route.get("created_at") or 0
        if not paths:
            paths = [""]
        for i in range(len(paths)):
            path = paths[i]
            rank.weight = weight
            rank.regex_priority = 0
            rank.prefix_len = 0
            rank.candidate.pattern = NULL
            rank.order = self.n_ranks
            if path.startswith("~"):
                rank.weight = weight | 1
                rank.regex_priority = route.get("regex_priority") or 0
                rank.candidate.pattern = self.pattern_of(route, f"paths[{i}]", path[1:], PATTERN_AT_START)
                self.literal_of(path[1:], &self.prefixes[self.n_ranks])
            elif path:
                self.prefix_of(route, i, path, &self.prefixes[self.n_ranks])
                rank.prefix_len = <uint32_t>self.prefixes[self.n_ranks].len
            else:
                self.prefixes[self.n_ranks] = span_of(b"", 0)
            self.ranks[self.n_ranks] = rank
            self.n_ranks += 1
        self.add_hosts(route, index, hosts)
        return 0

    # ---- criteria

    cdef uint64_t method_bits(self, object methods) except? 0:
        cdef uint64_t bits = 0
        cdef str method
        for method in methods:
            bits |= <uint64_t>METHOD_BITS.get(method, <uint64_t>1 << METHOD_NEVER)
        return bits

    cdef int prefix_of(self, dict route, Py_ssize_t i, str path, span_t *prefix_out) except -1:
        cdef bytes raw = path.encode()
        cdef span_t normal
        cdef char *room
        if any([byte in ESCAPES for byte in raw]):
            raw = "".join([ESCAPES.get(byte) or chr(byte) for byte in raw]).encode()
        room = <char *>keep_room(&self.work, <size_t>len(raw))
        if uri_normalise(span_of(<const char *>raw, <size_t>len(raw)), room, <size_t>len(raw), &normal) != OK:
            raise SnapshotError(entity_of(route), f"paths[{i}]", 'a path starts with "/" (prefix) or "~" (regular expression)')
        return keep_bytes(self.arena, normal.at[:normal.len], prefix_out)

    cdef int literal_of(self, str text, span_t *prefix_out) except -1:
        cdef bytes raw = text.encode()
        cdef char *room = <char *>keep_room(&self.work, <size_t>len(raw) + 1)
        cdef size_t n = pattern_literal(span_of(<const char *>raw, <size_t>len(raw)), room)
        return keep_bytes(self.arena, room[:n], prefix_out)

    cdef pattern_t *pattern_of(self, dict route, str field, str text, unsigned flags) except NULL:
        cdef pattern_error_t error
        cdef pattern_t *pattern
        cdef object known = self.patterns.get((text, flags))
        cdef bytes raw
        if known is not None:
            return <pattern_t *><size_t>known
        if pattern_library_open() != OK:
            raise SnapshotError(entity_of(route), field, pattern_library_problem().decode())
        raw = text.encode()
        pattern = pattern_compile(self.arena, span_of(<const char *>raw, <size_t>len(raw)), flags, &error)
        if pattern == NULL:
            raise SnapshotError(entity_of(route), field, f"bad regular expression, at byte {error.offset}: {error.message.decode()}")
        pattern.next = self.router.patterns
        self.router.patterns = pattern
        self.patterns[text, flags] = <size_t>pattern
        return pattern

    cdef predicate_t *predicate_of(self, dict route, dict headers) except NULL:
        cdef tuple key = tuple([(name.lower(), *values) for name, values in headers.items()])
        cdef object known = self.predicates.get(key)
        cdef predicate_t *predicate
        cdef header_rule_t *rule
        cdef str name
        cdef list values
        if known is not None:
            return <predicate_t *><size_t>known
        predicate = <predicate_t *>keep_room(self.arena, sizeof(predicate_t))
        predicate.headers = <header_rule_t *>keep_room(self.arena, len(headers) * sizeof(header_rule_t))
        for name, values in headers.items():
            rule = &predicate.headers[predicate.n_headers]
            predicate.n_headers += 1
            self.fill_rule(route, rule, name.lower(), values)
        self.predicates[key] = <size_t>predicate
        return predicate

    cdef int fill_rule(self, dict route, header_rule_t *rule, str name, list values) except -1:
        cdef str value
        keep_bytes(self.arena, name.encode(), &rule.name)
        rule.name_id = self.header_ids.setdefault(name, len(self.header_ids) + 1)
        if len(values) == 1 and values[0].startswith("~*"):
            rule.pattern = self.pattern_of(route, f"headers.{name}[0]", values[0][2:], PATTERN_ANYWHERE | PATTERN_CASELESS)
            return 0
        rule.values = <span_t *>keep_room(self.arena, len(values) * sizeof(span_t))
        rule.hashes = <uint64_t *>keep_room(self.arena, len(values) * sizeof(uint64_t))
        for value in values:
            keep_bytes(self.arena, value.encode(), &rule.values[rule.n_values])
            rule.hashes[rule.n_values] = value_hash(rule.values[rule.n_values])
            rule.n_values += 1
        return 0

    # ---- hosts

    cdef int add_hosts(self, dict route, uint32_t index, list hosts) except -1:
        cdef Py_ssize_t i
        cdef list routes
        if not hosts:
            self.any_host.append(index)
        for i in range(len(hosts)):
            key = self.host_key(route, i, hosts[i])
            routes = self.hosts.setdefault(key, [])
            if not routes or routes[len(routes) - 1] != index:
                routes.append(index)
        return 0

    cdef tuple host_key(self, dict route, Py_ssize_t i, str text):
        """(kind, name, port) of `example.com`, `*.example.com` or `example.*`, each perhaps with `:port`."""
        cdef char room[HOST_MAX_BYTES]
        cdef host_t host
        cdef bytes raw = text.encode()
        cdef bytes name
        # The star is a byte that names may have (RFC 3986, sub-delims), so it passes host_parse.
        if raw.count(b"*") > 1 or host_parse(span_of(<const char *>raw, <size_t>len(raw)), room, HOST_MAX_BYTES, &host) != OK:
            raise SnapshotError(entity_of(route), f"hosts[{i}]", f'"{text}" is not a host name, with at most one "*" and an optional port')
        name = host.name.at[:host.name.len]
        if b"*" not in name:
            return (<int>HOST_WHOLE, name, host.port)
        if name.startswith(b"*.") and len(name) > 2:
            return (<int>HOST_SUFFIX, name[1:], host.port)
        if name.endswith(b".*") and len(name) > 2:
            return (<int>HOST_PREFIX, name[:len(name) - 1], host.port)
        raise SnapshotError(entity_of(route), f"hosts[{i}]", f'"{text}": "*" must be the whole first or last label; leave hosts out to match any host')

    # ---- together

    cdef int finish(self) except -1:
        """Hosts with the same routes share a tree; then the C side ranks and builds."""
        cdef dict trees = {}            # routes as a tuple -> tree number
        cdef uint32_t n_hosts = 0, any_tree = ROOT_NONE
        cdef host_entry_t *hosts = <host_entry_t *>keep_room(&self.work, (<size_t>len(self.hosts) + 1) * sizeof(host_entry_t))
        cdef int kind
        cdef bytes name
        cdef uint16_t port
        cdef span_t kept
        for (kind, name, port), routes in self.hosts.items():
            keep_bytes(self.arena, name, &kept)
            hosts[n_hosts].name = kept.at
            hosts[n_hosts].len = <uint16_t>kept.len
            hosts[n_hosts].port = port
            hosts[n_hosts].kind = <uint8_t>kind
            hosts[n_hosts].root = trees.setdefault(tuple(routes), len(trees))
            n_hosts += 1
        if self.any_host:
            any_tree = trees.setdefault(tuple(self.any_host), len(trees))
        return self.finish_trees(list(trees), hosts, n_hosts, any_tree)

    cdef int finish_trees(self, list trees, host_entry_t *hosts, uint32_t n_hosts, uint32_t any_tree) except -1:
        cdef rank_t **pointers = <rank_t **>keep_room(&self.work, self.n_ranks * sizeof(rank_t *))
        cdef path_item_t *items
        cdef path_item_t *item
        cdef size_t n_items = 0
        cdef uint32_t route, i, tree
        cdef tuple routes
        for routes in trees:
            for route in routes:
                n_items += self.first_rank[route + 1] - self.first_rank[route]
        if n_items > MAX_ITEMS:
            raise SnapshotError("routes", "hosts", f"hosts times paths make more than {MAX_ITEMS} combinations; split routes so that hosts with the same routes are listed together")
        items = <path_item_t *>keep_room(&self.work, n_items * sizeof(path_item_t))
        item = items
        router_rank(self.ranks, pointers, self.n_ranks)
        for tree in range(<uint32_t>len(trees)):
            routes = trees[tree]
            for route in routes:
                for i in range(self.first_rank[route], self.first_rank[route + 1]):
                    item.tree = tree
                    item.rank = self.ranks[i].rank
                    item.path = self.prefixes[i]
                    item += 1
        if router_build(self.router, self.arena, &self.work, self.ranks, self.n_ranks, items, <uint32_t>n_items,
                        <uint32_t>len(trees), hosts, n_hosts, any_tree) != OK:
            raise MemoryError
        return 0


cdef router_t *routes_build(arena_t *arena, list routes) except NULL:
    cdef Builder builder = Builder()
    builder.arena = arena
    builder.router = <router_t *>keep_room(arena, sizeof(router_t))
    try:
        builder.add_all(routes)
        builder.finish()
    except BaseException:
        router_close(builder.router)
        raise
    return builder.router

"""Ranking candidates at build time, and finding the best one that fits a request."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memset

from fastgate._core.base.arena cimport arena_t, arena_take
from fastgate._core.base.span cimport span_eq, span_of, span_t
from fastgate._core.base.status cimport FAILED, NO_MEMORY, OK, status_t
from fastgate._core.route.host_table cimport (
    HOST_PREFIX, HOST_SUFFIX, HOST_WHOLE, ROOT_NONE, host_entry_t, host_find, host_kind_t, host_table_build,
)
from fastgate._core.route.path_tree cimport (
    RANK_NONE, path_cursor_t, path_item_t, path_next, path_node_t, path_start, path_tree_build,
)
from fastgate._core.route.pattern cimport pattern_close, pattern_match
from fastgate._core.route.predicate cimport PREDICATE_MEMO_SLOTS, header_memo_t, predicate_fits


cdef struct search_t:
    # Owner: one router_match, on its stack.
    const router_t *router
    const route_query_t *query
    route_match_t *match
    uint64_t method             # its bit
    uint32_t best               # rank of the best candidate so far
    header_memo_t memo[PREDICATE_MEMO_SLOTS]


# ---- building

cdef int _rank_order(const void *a, const void *b) noexcept nogil:
    cdef const rank_t *x = (<const rank_t **>a)[0]
    cdef const rank_t *y = (<const rank_t **>b)[0]
    if x.weight != y.weight:
        return -1 if x.weight > y.weight else 1
    if x.regex_priority != y.regex_priority:
        return -1 if x.regex_priority > y.regex_priority else 1
    if x.prefix_len != y.prefix_len:
        return -1 if x.prefix_len > y.prefix_len else 1
    if x.created_at != y.created_at:
        return -1 if x.created_at < y.created_at else 1
    return -1 if x.order < y.order else 1


cdef void router_rank(rank_t *ranks, rank_t **pointers, uint32_t n) noexcept nogil:
    cdef uint32_t i
    for i in range(n):
        pointers[i] = &ranks[i]
    qsort(pointers, n, sizeof(rank_t *), _rank_order)
    for i in range(n):
        pointers[i].rank = i


cdef status_t router_build(router_t *router, arena_t *arena, arena_t *work, const rank_t *ranks, uint32_t n_ranks,
                           path_item_t *items, uint32_t n_items, uint32_t n_trees,
                           host_entry_t *hosts, uint32_t n_hosts, uint32_t any_tree) noexcept nogil:
    cdef uint32_t *roots = <uint32_t *>arena_take(work, n_trees * sizeof(uint32_t))
    cdef uint32_t i
    router.candidates = <candidate_t *>arena_take(arena, n_ranks * sizeof(candidate_t))
    if roots == NULL or router.candidates == NULL:
        return NO_MEMORY
    for i in range(n_ranks):
        router.candidates[ranks[i].rank] = ranks[i].candidate
    if path_tree_build(&router.paths, arena, work, items, n_items, roots, n_trees) != OK:
        return NO_MEMORY
    for i in range(n_hosts):
        hosts[i].root = roots[hosts[i].root]
    router.any_root = ROOT_NONE if any_tree == ROOT_NONE else roots[any_tree]
    return host_table_build(&router.hosts, arena, hosts, n_hosts)


cdef void router_close(router_t *router) noexcept nogil:
    while router.patterns != NULL:
        pattern_close(router.patterns)
        router.patterns = router.patterns.next


# ---- matching

cdef void _groups_keep(search_t *search, const candidate_t *candidate, unsigned n) noexcept nogil:
    """Copies a regex's groups into the match: the next regex overwrites the scratch."""
    cdef const size_t *offsets = search.query.scratch.groups
    cdef unsigned i
    for i in range(n):
        if offsets[2 * i] > offsets[2 * i + 1] or offsets[2 * i + 1] > search.query.path.len:
            search.match.groups[2 * i] = ROUTER_NOT_SET
            search.match.groups[2 * i + 1] = ROUTER_NOT_SET
        else:
            search.match.groups[2 * i] = <uint32_t>offsets[2 * i]
            search.match.groups[2 * i + 1] = <uint32_t>offsets[2 * i + 1]
    search.match.n_groups = <uint16_t>n
    search.match.pattern = candidate.pattern
    search.match.prefix_len = 0 if search.match.groups[1] == ROUTER_NOT_SET else search.match.groups[1]


cdef inline bint _candidate_fits(search_t *search, const candidate_t *candidate, size_t prefix_len) noexcept nogil:
    cdef unsigned n
    if candidate.methods and not candidate.methods & search.method:
        return False
    if candidate.predicate != NULL and not predicate_fits(candidate.predicate, search.query.message, search.memo, search.query.scratch):
        return False
    if candidate.pattern == NULL:
        search.match.pattern = NULL
        search.match.n_groups = 0
        search.match.prefix_len = <uint32_t>prefix_len
        return True
    if search.query.scratch == NULL:
        return False
    n = pattern_match(candidate.pattern, search.query.path, search.query.scratch)
    if n:
        _groups_keep(search, candidate, n)
    return n != 0


cdef void _tree_search(search_t *search, uint32_t root) noexcept nogil:
    cdef const router_t *router = search.router
    cdef const path_node_t *node
    cdef path_cursor_t cursor
    cdef uint32_t i, rank
    path_start(&router.paths, root, search.query.path, &cursor)
    while True:
        node = path_next(&router.paths, &cursor, search.best)
        if node == NULL:
            return
        for i in range(node.n_ranks):
            rank = router.paths.ranks[node.first_rank + i]
            if rank >= search.best:
                break
            if _candidate_fits(search, &router.candidates[rank], search.query.path.len - cursor.left):
                search.best = rank
                break


cdef inline void _host_search(search_t *search, span_t name, host_kind_t kind) noexcept nogil:
    cdef uint32_t root
    if search.router.hosts.has_ports and search.query.port:
        root = host_find(&search.router.hosts, name, kind, search.query.port)
        if root != ROOT_NONE:
            _tree_search(search, root)
    if search.router.hosts.has_portless:
        root = host_find(&search.router.hosts, name, kind, 0)
        if root != ROOT_NONE:
            _tree_search(search, root)


cdef void _wildcard_search(search_t *search) noexcept nogil:
    """The star stands for at least one byte."""
    cdef span_t host = search.query.host
    cdef size_t i
    if search.router.hosts.longest[<int>HOST_SUFFIX] == 0 and search.router.hosts.longest[<int>HOST_PREFIX] == 0:
        return
    for i in range(host.len):
        if host.at[i] == c'.':
            if i > 0:
                _host_search(search, span_of(host.at + i, host.len - i), HOST_SUFFIX)
            if i + 1 < host.len:
                _host_search(search, span_of(host.at, i + 1), HOST_PREFIX)


cdef status_t router_match(const router_t *router, const route_query_t *query, route_match_t *match_out) noexcept nogil:
    cdef search_t search
    cdef const candidate_t *candidate
    search.router = router
    search.query = query
    search.match = match_out
    search.method = <uint64_t>1 << query.method if query.method < 64 else 0
    search.best = RANK_NONE
    memset(search.memo, 0, sizeof(search.memo))
    if query.host.len:
        _host_search(&search, query.host, HOST_WHOLE)
        _wildcard_search(&search)
    if router.any_root != ROOT_NONE:
        _tree_search(&search, router.any_root)
    if search.best == RANK_NONE:
        return FAILED
    candidate = &router.candidates[search.best]
    match_out.route = candidate.route
    match_out.https_status = 0 if query.is_https else candidate.https_status
    return OK


cdef bint route_match_number(const route_match_t *match, span_t path, unsigned number, span_t *value_out) noexcept nogil:
    value_out[0] = span_of(NULL, 0)
    if number >= match.n_groups or match.groups[2 * number] == ROUTER_NOT_SET:
        return False
    value_out[0] = span_of(path.at + match.groups[2 * number], match.groups[2 * number + 1] - match.groups[2 * number])
    return True


cdef bint route_match_group(const route_match_t *match, span_t path, span_t name, span_t *value_out) noexcept nogil:
    cdef unsigned i
    value_out[0] = span_of(NULL, 0)
    if match.pattern == NULL:
        return False
    for i in range(match.pattern.n_names):
        # A name may stand for several groups ((?J), branch reset): the first that took part.
        if span_eq(match.pattern.names[i].name, name) and route_match_number(
            match, path, match.pattern.names[i].group, value_out
        ):
            return True
    return False

"""A request's route: host, then path, then methods and headers, the best rank of all that fit.

Each (route, path) pair is a candidate; candidates are numbered by rank, 0 the best, in Kong's order:
  1. more kinds of criteria (headers, hosts, paths, methods, snis); of as many, the set that has
     the first of host, header, path, method, sni that the other has not
  2. no wildcard among the route's hosts
  3. more header names
  4. regex before prefix; of regexes, the higher regex_priority
  5. longer prefix
  6. earlier created_at, then the earlier in the list, then the earlier of the route's paths
The protocol is no criterion, as in Kong: where the best candidate is https-only and the request is
plain, the match says how to send the client to https. SNIs count in 1 but are never compared (no TLS).

Cost: the host table (two look-ups; with wildcard hosts up to two more a label), then one descent for each
tree found, bounded by the path: 50 to 90 ns with 10,000 routes, on a quiet machine. Candidates that share host
and path are tried in rank order, about 1 ns each by method, 5 ns each by header value: 10,000 routes told apart by
nothing but a header cost 50 µs at worst. A regex is tried where its literal beginning leads, so those that share
one ("~/.*x") are tried one after the other, some 70 ns each and never more than pattern.pxd says.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.http.message cimport message_t
from fastgate._core.route.host_table cimport host_entry_t, host_table_t
from fastgate._core.route.path_tree cimport path_item_t, path_tree_t
from fastgate._core.route.pattern cimport PATTERN_MAX_GROUPS, pattern_scratch_t, pattern_t
from fastgate._core.route.predicate cimport predicate_t


cdef enum:
    ROUTER_GROUP_OFFSETS = 2 * PATTERN_MAX_GROUPS
    ROUTER_NOT_SET = 0xffffffff     # offset of a group that took no part


cdef struct candidate_t:
    # Owner: a router's arena. Read-only after build, any thread.
    uint64_t methods                # bit: llhttp's number of the method; 0: any
    const pattern_t *pattern        # NULL: the prefix is all
    const predicate_t *predicate    # NULL: no headers asked for
    uint32_t route
    uint16_t https_status           # not 0: https only; how a plain request is answered


cdef struct rank_t:
    # One candidate and what decides its rank. Owner: the builder; dies with the build.
    candidate_t candidate
    uint64_t weight                 # rules 1 to 4 up to "regex before prefix", more is better
    int64_t regex_priority
    int64_t created_at
    uint32_t prefix_len
    uint32_t order                  # position in the list of all candidates
    uint32_t rank                   # out


cdef struct router_t:
    # Owner: a snapshot; the struct and its arrays live in that snapshot's arena, patterns die in router_close.
    # Read-only after build, any thread.
    host_table_t hosts
    path_tree_t paths
    candidate_t *candidates         # by rank
    pattern_t *patterns             # list, to close
    uint32_t any_root               # the tree of routes without hosts; ROOT_NONE: there are none


cdef struct route_query_t:
    # Owner: the caller, on the stack. Spans must outlive the match.
    span_t host                     # lower case, without port; empty: none
    span_t path                     # normalised
    const message_t *message        # for its headers
    pattern_scratch_t *scratch      # the reactor's; NULL: no regex fits
    uint16_t port                   # the Host field's, else the scheme's default
    uint8_t method                  # llhttp's number
    uint8_t is_https


cdef struct route_match_t:
    # Owner: the caller, on the stack. Offsets are into query.path.
    uint32_t route                  # position in the list the router was built from
    uint32_t prefix_len             # how much of the path matched
    uint16_t https_status           # 0: go on. 426, or the redirect to answer with
    uint16_t n_groups               # regex: groups in `groups`, the whole match (0) first; prefix: 0
    const pattern_t *pattern        # regex: for the groups' names
    uint32_t groups[ROUTER_GROUP_OFFSETS]


# Gives each candidate its rank. `pointers` has room for n pointers.
cdef void router_rank(rank_t *ranks, rank_t **pointers, uint32_t n) noexcept nogil

# Completes a router whose `patterns` are set. `hosts[].root` and `any_tree` hold tree numbers (any_tree may be ROOT_NONE).
# OK or NO_MEMORY.
cdef status_t router_build(router_t *router, arena_t *arena, arena_t *work, const rank_t *ranks, uint32_t n_ranks,
                           path_item_t *items, uint32_t n_items, uint32_t n_trees,
                           host_entry_t *hosts, uint32_t n_hosts, uint32_t any_tree) noexcept nogil
cdef void router_close(router_t *router) noexcept nogil

# OK: match_out is filled. FAILED: no route fits.
cdef status_t router_match(const router_t *router, const route_query_t *query, route_match_t *match_out) noexcept nogil

# The bytes a named group took, a part of query.path. False: no such group, or it took no part.
cdef bint route_match_group(const route_match_t *match, span_t path, span_t name, span_t *value_out) noexcept nogil
# Likewise by number; 0 is the whole match.
cdef bint route_match_number(const route_match_t *match, span_t path, unsigned number, span_t *value_out) noexcept nogil

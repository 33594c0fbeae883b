"""Copies of requests for somebody whose answer nobody waits for: gathered beside the request, sent on their own."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.base.buffer cimport buffer_t
from fastgate._core.http.message cimport header_t, message_t
from fastgate._core.http.parser cimport parser_t
from fastgate._core.proxy.exchange cimport EXCHANGE_HEADERS, exchange_t, lane_t
from fastgate._core.snapshot.snapshot cimport service_t, snapshot_t
from fastgate._core.upstream.connection cimport connection_t
from fastgate._core.upstream.peer cimport peer_t


cdef struct mirror_rule_t:
    # Part of a plugin's config, in its snapshot. Read-only after build.
    const service_t *service        # whom the copy is for
    uint64_t id                     # of the plugin: the bound is counted under it, over reloads
    uint64_t timeout_ns             # for all of it, from connecting to the answer's end
    uint64_t max_answer             # bytes read of an answer, then its connection is closed
    uint32_t max_body               # a request with more has no copy
    uint32_t max_pending            # copies gathered and under way, of one reactor
    uint8_t is_upstream             # `service` is but an upstream: the path is that of the request's own service


cdef struct mirror_count_t:
    # A rule's copies on one reactor. Owner: its lane, while there is one.
    mirror_count_t *next
    uint64_t id
    uint32_t pending


cdef struct mirror_t:
    # A copy. Owner: its exchange until mirror_send, then its lane. One reactor. Dies in _free.
    mirror_t *next
    mirror_t **link                 # what points here in lane.mirrors; NULL: not sent yet
    lane_t *lane
    snapshot_t *snapshot            # pinned: live[reactor] counts this copy as an exchange
    const mirror_rule_t *rule
    mirror_count_t *count
    peer_t *peer                    # one reference held; NULL: not chosen yet
    connection_t *connection        # NULL: none yet
    buffer_t bytes                  # head and body so far; the connection's from mirror_send on
    buffer_t held                   # an answer's head that did not come in one read
    uint64_t body_bytes             # gathered
    uint64_t answer_bytes
    parser_t parser
    message_t answer
    uint8_t is_head                 # the answer has no body
    header_t headers[EXCHANGE_HEADERS]


# In the access phase. False: as many as may be are under way, or no memory; that is counted.
cdef bint mirror_begin(exchange_t *exchange, const mirror_rule_t *rule) noexcept nogil
# The request goes to its upstream: head, and what there is of the body. The copy to send, if it is whole; NULL: not yet, or never.
cdef mirror_t *mirror_open(exchange_t *exchange) noexcept nogil
cdef void mirror_body(exchange_t *exchange, const char *at, size_t len) noexcept nogil
cdef mirror_t *mirror_end(exchange_t *exchange) noexcept nogil      # the request is whole: the copy to send; NULL: none
cdef void mirror_send(mirror_t *mirror) noexcept nogil           # NULL: there is none
cdef void mirror_drop(exchange_t *exchange) noexcept nogil          # lane.on_closing: the exchange ends first
cdef void mirrors_close(lane_t *lane) noexcept nogil                # the reactor has returned

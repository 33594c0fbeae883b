"""The structs of a request's life: gate (process), lane (reactor), downstream (client connection), exchange (one request and its answer)."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.auth.token_cache cimport token_cache_t
from fastgate._core.auth.verify_key cimport verifier_t
from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.atomics cimport atomic_load_u32
from fastgate._core.base.buffer cimport buffer_t
from fastgate._core.base.span cimport span_t
from fastgate._core.guard.table cimport guard_table_t
from fastgate._core.http.message cimport header_t, message_t
from fastgate._core.http.parser cimport parser_t
from fastgate._core.http.uri cimport HOST_MAX_BYTES
from fastgate._core.limit.table cimport limit_key_t, limit_table_t
from fastgate._core.net.address cimport ADDRESS_TEXT_BYTES, address_t
from fastgate._core.net.gather cimport gather_t
from fastgate._core.net.listener cimport listener_t
from fastgate._core.net.stream cimport stream_t
from fastgate._core.observe.access_log cimport access_log_t
from fastgate._core.observe.series cimport series_t
from fastgate._core.proxy.pace cimport pace_t
from fastgate._core.reactor.reactor cimport grave_t, mail_t, reactor_t
from fastgate._core.reactor.timer cimport timer_t
from fastgate._core.route.pattern cimport pattern_scratch_t
from fastgate._core.route.router cimport route_match_t
from fastgate._core.snapshot.plugin cimport chain_t, consumer_t, plugin_t
from fastgate._core.snapshot.snapshot cimport route_t, service_t, snapshot_t
from fastgate._core.upstream.balancer.policy cimport pick_t
from fastgate._core.upstream.peer cimport PEER_NAME_BYTES
from fastgate._core.upstream.connection cimport connection_t, on_connection_cb


cdef enum:
    LANE_INPUT_BYTES = 131072       # one read, at most (BURST_MOST)
    LANE_OUTPUT_BYTES = 262144      # a head of the largest allowed size, rewritten; touched as needed
    LANE_SPARE_EXCHANGES = 256      # kept for reuse, the rest goes back to malloc
    LANE_SPARE_WHEN_SHORT = 16      # when memory is: enough for those who wait to be served in turn
    LANE_MAX_LISTENERS = 32
    EXCHANGE_BYTES = 4096           # the struct and, behind it, room for a usual request head
    EXCHANGE_HEADERS = 32           # inline; more are allocated when needed
    REQUEST_ID_BYTES = 32
    DATE_BYTES = 29                 # "Sun, 06 Nov 1994 08:49:37 GMT"


ctypedef void (*on_exchange_cb)(exchange_t *exchange) noexcept nogil


cdef struct gate_t:
    # Owner: bridge.Gateway, for the life of the process. Shared by all lanes.
    # read-only after build
    uint32_t n_lanes
    access_log_t *access_log        # NULL: off
    token_cache_t *tokens           # verdicts on tokens; NULL: none are kept
    limit_table_t limits            # counters of all rate-limiting; locks of its own
    guard_table_t *guard            # what anti-bot knows of addresses; locks of its own
    # shared: atomic
    void *snapshot                  # the current snapshot_t
    void *remote_keys               # the current key_table_t; NULL: none
    uint64_t wall_offset_ns         # wall clock minus clock_ns; from Python
    uint32_t connections            # client connections open, all lanes
    uint32_t max_connections        # from Python
    uint32_t is_draining
    uint32_t lanes_closed           # those whose listeners have closed since, with all taken that waited in them


cdef struct lane_t:
    # One reactor's share of the proxy. Owner: the gateway, for the life of the process.
    # Its reactor only, but for `adopted`.
    reactor_t reactor
    gate_t *gate
    snapshot_t *snapshot            # the one new requests use
    char *input                     # LANE_INPUT_BYTES: what the current event read
    char *output                    # LANE_OUTPUT_BYTES: what it makes
    gather_t gather
    exchange_t *spare
    uint32_t n_spare
    uint32_t n_listeners
    listener_t listeners[LANE_MAX_LISTENERS]
    downstream_t *downstreams       # all open client connections
    pattern_scratch_t *scratch
    verifier_t *verifier            # for signatures
    on_connection_cb on_connection  # receive.pyx: an upstream connection has something to say
    void *mirrors                   # copies under way: mirror_t
    void *mirror_counts             # how many of each rule: mirror_count_t
    on_exchange_cb on_closing       # mirror.pyx: an exchange with a copy ends before the copy is whole
    on_exchange_cb on_over          # downstream.pyx: an exchange ended, well or badly
    on_exchange_cb on_resumed       # downstream.pyx: the access phase went on after a wait
    on_exchange_cb on_filtered      # downstream.pyx: the filters of a withheld answer went on after a wait, or failed
    uint64_t date_second
    char date[DATE_BYTES]
    # shared: atomic
    uint64_t adopted                # number of the snapshot in use: none older is given to new requests


cdef struct downstream_t:
    # A client connection. Owner: its lane. Its reactor only. Freed when the reactor has
    # finished the batch of events in which it was closed. Holds no buffer while idle.
    stream_t stream                 # first
    grave_t grave
    timer_t timer                   # whichever deadline is next
    lane_t *lane
    exchange_t *exchange            # NULL: idle
    downstream_t *next
    downstream_t **link             # what points here in lane.downstreams
    pace_t reading                  # request bodies
    pace_t writing                  # answers
    address_t peer
    uint64_t received               # bytes, ever
    uint64_t number                 # among all connections this process has accepted
    uint64_t n_requests             # heads read on it, this one's included
    uint16_t port                   # the listener's
    uint8_t is_unix
    uint8_t is_lingering            # answered and half-closed: reading to the end so that the answer is not lost
    uint8_t is_closing              # close when everything is sent


cdef struct tunnel_t:
    # What a tunnel keeps of its snapshot, which it lets go of: tunnels outlive many. Owner: its
    # exchange. Its reactor only. Dies in exchange_close.
    route_t route                   # name and series, with a reference of its own
    service_t service               # name
    uint64_t idle_ns
    span_t consumer                 # username or id; empty: none
    char names[8]                   # the three names, as long as they are


cdef struct added_t:
    # A header field that a plugin adds, or a run of them. Lives in what exchange_take or exchange_room gave.
    added_t *next
    span_t name                     # of a run: all of it, `Name: value\r\n` for each field
    span_t value
    uint16_t run_fields             # 0: no run
    uint8_t is_hidden               # a header filter took it out: phases_unfilter brings it back


cdef struct additions_t:
    # Part of exchange_t: fields to add, in order.
    added_t *first
    added_t *last
    uint64_t known                  # bit: header_id_t; of another name than these none is in the list
    uint8_t is_short                # there was no memory for some field: 503 is said in place of all of it
    uint8_t has_runs                # to be taken apart before anybody looks at single fields (additions_each)


cdef enum withheld_stage_t:
    WITHHELD_NOT
    WITHHELD_HEAD                   # header filters run
    WITHHELD_BODY                   # body filters wait for all of it
    WITHHELD_WHOLE                  # body filters run


cdef struct withheld_t:
    # An answer that filters see before the client gets any of it. Lives in what exchange_take gave;
    # its buffers end in exchange_close. Its reactor only.
    buffer_t body                   # what has come of it
    buffer_t fields                 # whole header lines, of the gateway's own answer
    uint16_t status                 # to tell the client
    uint16_t body_at                # of exchange.filters: the next that filters the body
    uint8_t stage                   # withheld_stage_t
    uint8_t source                  # access_source_t
    uint8_t is_own                  # the gateway's answer, not the upstream's
    uint8_t wants_body              # some filter does
    uint8_t is_whole                # nothing more comes
    uint8_t has_length              # `body` is what the body filters left: all there is
    uint8_t drops_body              # the status that a filter set has none
    uint8_t is_too_large            # for the body filters: they are only asked whether it may go without them
    uint8_t is_over                 # a filter failed: the answer in its place is withheld no more


cdef struct parking_t:
    # What stands for a parked exchange where another thread works for it, and comes back as mail to
    # its reactor. Owner: whoever holds it, and must post it; `exchange` is the reactor's only.
    mail_t mail                     # first
    exchange_t *exchange            # NULL: it ended meanwhile
    buffer_t body                   # exchange.kept, once the exchange has ended or gone on without it
    uint8_t reads_body              # the other thread may be reading exchange.kept


cdef struct keepsake_t:
    # What another thread keeps for an exchange from phase to phase. Owner: the exchange, which gives it
    # up in exchange_close; from then on whoever on_over tells.
    void (*on_over)(keepsake_t *keepsake) noexcept nogil


cdef struct exchange_t:
    # One request and its answer. Owner: its downstream. One reactor. EXCHANGE_BYTES with
    # `room` behind it; given back to the lane in exchange_close.
    exchange_t *next_spare
    lane_t *lane
    downstream_t *client
    snapshot_t *snapshot            # pinned: live[reactor] counts this exchange; NULL: a tunnel
    uint64_t snapshot_number
    tunnel_t *tunnel                # NULL: none
    const route_t *route            # NULL: not found yet, or none
    const service_t *service        # the route's, or what a plugin chose instead; NULL: none
    series_t *series                # what it is counted in: the route's, or of the service chosen; NULL: none
    const consumer_t *consumer      # who asks; NULL: nobody known
    span_t credential               # id of the credential that said so; empty: none, or anonymous
    connection_t *connection        # the upstream's; NULL: none now
    # the request
    message_t request
    parser_t parser
    char *input                     # the head, then whatever came with it: `room` or a block of its own
    uint32_t input_len
    uint32_t input_size
    uint32_t input_used             # parsed; the rest belongs to the next request
    char *path_block                # NULL: the path was normal as it came
    uint32_t path_at                # normalised path: offset in `input`, or 0 in path_block
    uint32_t path_len
    uint32_t prefix_len             # of `path`, matched by the route
    uint32_t query_at               # offset in `input`
    uint32_t query_len
    uint32_t authority_at           # Host field, or authority of an absolute target: offset in `input`
    uint32_t authority_len
    span_t query_edited             # .at not NULL: the query to forward instead
    span_t path_edited              # .at not NULL: the path to forward instead, service.path and all
    span_t host_edited              # not empty: the Host to forward
    const route_match_t *match      # the route's, as far as it has groups; NULL: no plugin asks for it, or a prefix matched
    uint8_t upstream_method         # llhttp's number; the request's own unless a plugin says otherwise
    uint8_t has_query
    buffer_t next_input             # what came behind this request's body: the next request's
    buffer_t kept                   # request body so far, for another try; given up past retry_buffer_bytes
    uint16_t host_len
    uint16_t host_port              # 0: none was given
    uint8_t client_ip_len
    address_t client_address        # what client_ip says; is_unix: it has none
    # tries
    uint32_t tries                  # times a target was used
    uint32_t target_len
    uint64_t sent_before            # connection.stream.sent when this request began on it
    # the answer
    message_t answer
    parser_t answer_parser
    buffer_t answer_input           # an answer's head that did not come in one read
    uint16_t status                 # told to the client; 0: none yet
    uint16_t upstream_status
    uint16_t refusal                # status to answer with once what was read is parsed; 0: none
    uint16_t https_status           # the refusal that sends the client to https; 0: none
    uint16_t interim                # 1xx answers passed on
    span_t refusal_text
    span_t refusal_type             # .at not NULL: refusal_text is the whole body, of this content type (empty: none)
    # plugins (phases.pyx)
    arena_t arena                   # what does not fit into `room`
    const chain_t *chain            # whose plugins meet it: the route's, or for_all where none of those had its turn; NULL: none yet
    uint32_t room_used              # behind the head; 0: nothing yet
    uint16_t step                   # of `chain`, before there is one of `rewriting`: the next
    uint16_t n_filters
    const plugin_t **filters        # of the plugins met, those with a header_filter; NULL: none met yet
    additions_t request_added
    additions_t answer_added
    added_t *answer_mark            # the last of answer_added before the header filters ran
    uint64_t answer_known           # answer.known before they ran
    withheld_t *withheld            # NULL: no answer was yet
    uint16_t filter_at              # of `filters`: the next
    uint8_t withholds               # some of `filters` do
    timer_t wait                    # armed while parked for a time
    void *mirror                    # mirror_t: a copy of the request being gathered; NULL: none
    parking_t *parking              # NULL: no other thread works for it
    keepsake_t *keepsake            # NULL: no other thread keeps anything for it
    const plugin_t *collector       # the body is being collected for it (collect.pyx); NULL: for nobody
    uint64_t body_bytes_over        # a body of so many bytes is refused; 0: the settings' limit alone
    uint64_t body_bytes_out
    uint64_t queued_before          # bytes ever given to client.stream when the current read began
    uint64_t sent_at_open           # client.stream.sent when the exchange began
    uint64_t received_at_open
    # clock_ns; 0: has not happened
    uint64_t opened_ns
    uint64_t head_ns                # request head complete
    uint64_t forwarded_ns           # first given to a connection
    uint64_t tried_ns               # given to the current connection
    uint64_t answered_ns            # answer head complete
    uint64_t ended_ns               # answer complete
    uint8_t source                  # access_source_t
    uint8_t is_https                # X-Forwarded-Proto of a trusted peer
    uint8_t is_trusted
    uint8_t is_upgrade              # a valid WebSocket handshake, or an allowed Upgrade
    uint8_t is_websocket
    uint8_t is_tunnel               # 101 went through: bytes both ways
    uint8_t keeps_body              # `kept` still has all of it
    uint8_t is_collected            # `kept` is the whole body: sent at once, and kept until an answer comes
    uint8_t is_head_sent            # towards the client
    uint8_t is_head_fresh           # the head was not sent before this read: it can still be taken back
    uint8_t is_answered             # the answer is complete (perhaps still queued)
    uint8_t answer_framing          # framing_t towards the client
    uint8_t is_unasked              # its head is understood; the upstream is asked when what has come of the body is read
    uint8_t is_forwarding           # the request body goes to the connection
    uint8_t has_asterisk_target     # OPTIONS *
    uint8_t wants_fresh             # a pooled connection was stale: open a new one
    uint8_t is_write_dead           # the connection takes no more, but may still answer
    uint8_t is_aborted              # the client's connection ends without a whole answer
    uint8_t is_anonymous            # `consumer` stands for those nobody knows
    uint8_t is_filtered             # the header filters have begun
    uint8_t is_answer_kept          # `answer` lies in what exchange_take gave
    uint8_t is_held                 # `hold` is a place taken under a limit of concurrency
    # from here on not cleared: read only as far as they were written
    char host[HOST_MAX_BYTES + 1]   # lower case, without port
    char client_ip[ADDRESS_TEXT_BYTES]
    char request_id[REQUEST_ID_BYTES]
    char target[PEER_NAME_BYTES]    # the last one's address, for the log
    char cookie_value[REQUEST_ID_BYTES]     # balancing by a cookie the client has yet to get; [0] is 0: none
    pick_t pick
    limit_key_t hold                # its key: a copy, for a tunnel outlives what it was made of
    header_t headers[EXCHANGE_HEADERS]
    header_t answer_headers[EXCHANGE_HEADERS]
    char room[8]                    # the rest of EXCHANGE_BYTES: the head, and behind it what plugins take


cdef exchange_t *exchange_open(downstream_t *client) noexcept nogil         # NULL: no memory
cdef void exchange_close(exchange_t *exchange) noexcept nogil
cdef void exchange_free_spare(lane_t *lane, uint32_t but) noexcept nogil    # what the lane keeps for reuse, but so many
cdef void exchange_lend_body(exchange_t *exchange) noexcept nogil           # to exchange.parking, which is reading it
cdef void exchange_mask(exchange_t *exchange) noexcept nogil                # credentials out of the target and Referer, once nobody but the log reads them
cdef bint exchange_into_tunnel(exchange_t *exchange) noexcept nogil         # lets go of the snapshot; False: no memory
cdef void exchange_hold(exchange_t *exchange, const limit_key_t *key) noexcept nogil    # admitted: one place, once, given back in exchange_close
cdef bint exchange_grow_input(exchange_t *exchange, uint32_t limit) noexcept nogil  # False: at the limit, or no memory
cdef void *exchange_take(exchange_t *exchange, size_t size) noexcept nogil  # zeroed; until the exchange ends; when its head is whole; NULL: no memory
cdef void *exchange_room(exchange_t *exchange, size_t size) noexcept nogil  # the same, with anything in it
cdef span_t exchange_keep(exchange_t *exchange, span_t source, bint *failed_out) noexcept nogil  # a copy for its life, never .at NULL but without memory
cdef bint exchange_keep_answer(exchange_t *exchange) noexcept nogil         # the upstream's head, for its life; False: no memory
cdef span_t exchange_consumer(const exchange_t *exchange) noexcept nogil    # username or id of who asks; empty: nobody known
cdef span_t exchange_path(const exchange_t *exchange) noexcept nogil
cdef span_t exchange_query(const exchange_t *exchange) noexcept nogil
cdef span_t exchange_target(const exchange_t *exchange) noexcept nogil      # as the client sent it
cdef span_t lane_date(lane_t *lane) noexcept nogil                          # HTTP-date of now
cdef uint64_t gate_wall_ns(gate_t *gate, uint64_t mono_ns) noexcept nogil


cdef inline bint gate_is_draining(gate_t *gate) noexcept nogil:
    return atomic_load_u32(&gate.is_draining)

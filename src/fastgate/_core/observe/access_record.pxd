"""All that the access log tells of one request."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t


cdef enum access_source_t:
    # Who made the answer: Kong's `source`.
    SOURCE_UPSTREAM = 0
    SOURCE_GATEWAY              # the gateway by itself: no route, a redirect, a refusal
    SOURCE_ERROR                # the gateway because an upstream failed: 502, 503, 504


cdef enum:
    # Of a field that is plain: at most so many bytes, all of them printable ASCII and neither
    # quote nor backslash, so that no format has anything to escape or to cut.
    LOG_PLAIN_BYTES = 64


cdef struct log_name_t:
    # A value: text of which it may be known, from when it was read, that access_is_plain.
    span_t text
    uint8_t is_plain            # false is never wrong


cdef struct access_record_t:
    # Owner: the function that ends an exchange, on its stack. Its reactor only. Spans are
    # views that need to live no longer than the call of access_log_emit; an empty one
    # means "none", and its member is left out of the line.
    span_t request_id           # plain: 32 hex digits
    span_t client_ip            # plain: an address's text, after trusted_ips and real_ip_header
    span_t method               # plain: one the parser knows
    span_t scheme               # plain: "http"
    span_t uri                  # path and query as the client sent them, credentials masked
    log_name_t host             # authority as the client sent it
    span_t user_agent
    span_t referer
    log_name_t service          # name, or id of one without
    log_name_t route            # name, or id of one without
    log_name_t consumer         # username
    log_name_t target           # the last peer tried: "192.0.2.1:80"
    uint64_t started_at_ms      # wall clock, Unix
    uint64_t bytes_in           # of the request: head and body as received
    uint64_t bytes_out          # of the answer: head and body as sent
    uint64_t body_bytes_out     # of the answer's body
    uint64_t total_ns
    uint64_t upstream_ns
    uint64_t gateway_ns
    uint64_t snapshot           # its number
    uint32_t tries              # times sent to a target; 0: never
    uint16_t status             # 0: the client went before an answer
    uint16_t upstream_status    # 0: no upstream answered
    uint8_t http_minor
    uint8_t source              # access_source_t

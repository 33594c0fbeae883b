"""Answers the gateway makes itself: refusals, redirects, failures of upstreams."""

from fastgate._core.base.span cimport span_t
from fastgate._core.observe.access_record cimport access_source_t
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_t


cdef enum:
    REPLY_FIELDS_BYTES = LANE_OUTPUT_BYTES // 4     # from the start of lane.output: where `fields` may lie


cdef extern from *:
    # Kong's texts: constants, so that no two places differ.
    """
    #define FG_NO_ROUTE "no Route matched with those values"
    #define FG_NO_SERVICE "no Service found with those values"
    #define FG_USE_HTTPS "Please use HTTPS protocol"
    #define FG_BAD_REQUEST "Bad request"
    #define FG_METHOD "Method not allowed"
    #define FG_TIMEOUT "Request timeout"
    #define FG_BODY_TOO_LARGE "Request size limit exceeded"
    #define FG_URI_TOO_LONG "URI too long"
    #define FG_EXPECT "Expectation failed"
    #define FG_HEAD_TOO_LARGE "Request header or cookie too large"
    #define FG_UNEXPECTED "An unexpected error occurred"
    #define FG_UPSTREAM_INVALID "An invalid response was received from the upstream server"
    #define FG_UPSTREAM_TIMEOUT "The upstream server is timing out"
    #define FG_NO_PEER "failure to get a peer from the ring-balancer"
    #define FG_VERSION_TEXT "HTTP version not supported"
    #define FG_WEBSOCKET_VERSION "Only WebSocket version 13 is supported"
    #define FG_OVERLOADED "The gateway is out of resources"
    #define FG_TOO_LARGE_FOR_PLUGIN "The upstream server's response is too large for a plugin"
    """
    const char *TEXT_NO_ROUTE "FG_NO_ROUTE"
    const char *TEXT_NO_SERVICE "FG_NO_SERVICE"
    const char *TEXT_USE_HTTPS "FG_USE_HTTPS"
    const char *TEXT_BAD_REQUEST "FG_BAD_REQUEST"
    const char *TEXT_METHOD "FG_METHOD"
    const char *TEXT_TIMEOUT "FG_TIMEOUT"
    const char *TEXT_BODY_TOO_LARGE "FG_BODY_TOO_LARGE"
    const char *TEXT_URI_TOO_LONG "FG_URI_TOO_LONG"
    const char *TEXT_EXPECT "FG_EXPECT"
    const char *TEXT_HEAD_TOO_LARGE "FG_HEAD_TOO_LARGE"
    const char *TEXT_UNEXPECTED "FG_UNEXPECTED"
    const char *TEXT_UPSTREAM_INVALID "FG_UPSTREAM_INVALID"
    const char *TEXT_UPSTREAM_TIMEOUT "FG_UPSTREAM_TIMEOUT"
    const char *TEXT_NO_PEER "FG_NO_PEER"
    const char *TEXT_VERSION "FG_VERSION_TEXT"
    const char *TEXT_WEBSOCKET_VERSION "FG_WEBSOCKET_VERSION"
    const char *TEXT_OVERLOADED "FG_OVERLOADED"
    const char *TEXT_TOO_LARGE_FOR_PLUGIN "FG_TOO_LARGE_FOR_PLUGIN"


# Queue the answer on the client's stream and mark the exchange answered; a withheld one only once its
# filters have seen it. Whether the connection lives on is decided then: only when the request was read to its end.
# `fields` are whole extra header lines, or empty. Uses lane.output.

# A message in the form the client accepts: JSON, HTML, XML or plain text.
cdef void reply_send(exchange_t *exchange, unsigned status, span_t text, span_t fields,
                     access_source_t source) noexcept nogil
# A whole body of this content type; without one if `type` is empty.
cdef void reply_send_body(exchange_t *exchange, unsigned status, span_t type, span_t body, span_t fields,
                          access_source_t source) noexcept nogil
# The filters of a withheld answer of the gateway's own went on: so does it. lane.on_over is due, as after the others.
cdef void reply_go_on(exchange_t *exchange) noexcept nogil

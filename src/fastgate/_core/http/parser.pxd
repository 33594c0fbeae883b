"""Bytes to messages: llhttp's hooks, strict checks on top, and the body's framing.

Knows no socket. The head is kept as spans into the caller's buffer; body bytes
are handed up as they come, without their framing.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.buffer cimport buffer_t
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.includes.llhttp cimport llhttp_t
from fastgate._core.http.message cimport message_t


ctypedef status_t (*on_head_cb)(parser_t *parser) noexcept nogil        # OK, or a failure that ends parsing
ctypedef status_t (*on_body_cb)(parser_t *parser, const char *at, size_t len) noexcept nogil
ctypedef bint (*may_trail_cb)(parser_t *parser, span_t name) noexcept nogil


cdef enum parser_fault_t:
    PARSER_FINE = 0
    PARSER_MALFORMED            # 400
    PARSER_HEAD_TOO_LARGE       # 431
    PARSER_URI_TOO_LONG         # 414
    PARSER_VERSION              # 505
    PARSER_NO_MEMORY            # 503
    PARSER_REFUSED_ABOVE        # on_head or on_body said no: it knows why


cdef enum framing_t:
    # RFC 9112 section 6.3
    FRAMING_NONE = 0
    FRAMING_LENGTH
    FRAMING_CHUNKED
    FRAMING_UNTIL_CLOSE         # responses only
    FRAMING_TUNNEL              # 101: what follows is not HTTP


cdef struct parser_limits_t:
    # Owner: the snapshot. Read-only after build.
    uint32_t header_bytes       # of a whole head
    uint32_t headers
    uint32_t uri_bytes
    uint32_t chunk_extension_bytes


cdef struct parser_t:
    # Owner: the exchange or mirror it is a field of; its reactor only. parser_close before it dies.
    llhttp_t ll
    message_t *message          # where the head goes; its `base` is the buffer being fed
    const parser_limits_t *limits
    void *owner
    on_head_cb on_head
    on_body_cb on_body
    may_trail_cb may_trail      # whether a trailer of this name is passed on; NULL: the parser's own list decides
    buffer_t trailers           # "Name: value\r\n" of each trailer that may be passed on
    uint64_t content_length     # FRAMING_LENGTH
    uint64_t wire_bytes         # of the body, framing included
    uint64_t body_bytes
    uint32_t head_bytes
    uint32_t chunks
    uint32_t extension_bytes    # of the current chunk
    uint32_t trailer_start      # of the trailer being read, in `trailers`
    uint32_t reason             # response: reason phrase, offset and length
    uint16_t reason_len
    uint8_t framing             # framing_t
    uint8_t fault               # parser_fault_t
    uint8_t is_head_done
    uint8_t is_complete
    uint8_t keeps_alive         # the sender will keep the connection (RFC 9112 section 9.3)
    uint8_t answers_head        # response to HEAD: no body whatever it says
    uint8_t in_value            # the hook before was on_header_value
    uint8_t is_started          # the start line has begun
    uint8_t leading             # bytes of empty lines skipped before it


cdef void parser_open_request(parser_t *parser, message_t *message, const parser_limits_t *limits) noexcept nogil
cdef void parser_open_response(parser_t *parser, message_t *message, const parser_limits_t *limits,
                               bint answers_head) noexcept nogil
cdef void parser_close(parser_t *parser) noexcept nogil

# Feed what follows what was fed before. While the head is open, `data` lies in
# message.base's buffer. OK: all taken, more is wanted. DONE: the message is complete and
# `used_out` bytes were its. MALFORMED, TOO_LARGE, NO_MEMORY, FAILED: `fault` says more.
cdef status_t parser_feed(parser_t *parser, const char *data, size_t len, size_t *used_out) noexcept nogil

# The peer closed. DONE: that ended the message (FRAMING_UNTIL_CLOSE). MALFORMED: it was cut.
cdef status_t parser_end(parser_t *parser) noexcept nogil

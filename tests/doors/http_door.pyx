"""Test door of `_core/http`: the parser fed in pieces, and what is read out of its messages."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from fastgate._core.base.buffer cimport buffer_clear, buffer_put, buffer_t
from fastgate._core.base.memory cimport memory_give
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport (
    AGAIN, CLOSED, DONE, FAILED, MALFORMED, NO_MEMORY, OK, TOO_LARGE, status_t,
)
from fastgate._core.http.connection_options cimport connection_has, connection_names_fields
from fastgate._core.http.cookie cimport cookie_find
from fastgate._core.http.fields cimport field_id
from fastgate._core.http.llhttp cimport llhttp_method_name
from fastgate._core.http.message cimport (
    header_id_t, header_name, header_t, header_value, message_find, message_find_name, message_has, message_t,
)
from fastgate._core.http.parser cimport (
    FRAMING_CHUNKED, FRAMING_LENGTH, FRAMING_NONE, FRAMING_TUNNEL, FRAMING_UNTIL_CLOSE, PARSER_FINE,
    PARSER_HEAD_TOO_LARGE, PARSER_MALFORMED, PARSER_NO_MEMORY, PARSER_REFUSED_ABOVE, PARSER_URI_TOO_LONG,
    PARSER_VERSION, parser_close, parser_end, parser_feed, parser_limits_t, parser_open_request,
    parser_open_response, parser_t,
)
from fastgate._core.http.status_line cimport reason_phrase
from fastgate._core.http.websocket cimport websocket_check_answer, websocket_check_request

STATUS = {
    <int>OK: "ok", <int>AGAIN: "again", <int>DONE: "done", <int>FAILED: "failed", <int>NO_MEMORY: "no memory",
    <int>MALFORMED: "malformed", <int>TOO_LARGE: "too large", <int>CLOSED: "closed",
}
FAULTS = {
    <int>PARSER_FINE: "fine", <int>PARSER_MALFORMED: "malformed", <int>PARSER_HEAD_TOO_LARGE: "head too large",
    <int>PARSER_URI_TOO_LONG: "uri too long", <int>PARSER_VERSION: "version", <int>PARSER_NO_MEMORY: "no memory",
    <int>PARSER_REFUSED_ABOVE: "refused above",
}
FRAMINGS = {
    <int>FRAMING_NONE: "none", <int>FRAMING_LENGTH: "length", <int>FRAMING_CHUNKED: "chunked",
    <int>FRAMING_UNTIL_CLOSE: "until close", <int>FRAMING_TUNNEL: "tunnel",
}

cdef enum:
    INLINE_HEADERS = 8      # fewer than the product's, so that heads outgrow it


cdef bytes _bytes(span_t s):
    return s.at[:s.len] if s.len else b""


cdef struct sink_t:
    # Owner: its Parser.
    buffer_t body
    uint32_t heads
    bint refuses_head
    bint refuses_body


cdef status_t _on_head(parser_t *parser) noexcept nogil:
    cdef sink_t *sink = <sink_t *>parser.owner
    sink.heads += 1
    return FAILED if sink.refuses_head else OK


cdef status_t _on_body(parser_t *parser, const char *at, size_t len) noexcept nogil:
    cdef sink_t *sink = <sink_t *>parser.owner
    return FAILED if sink.refuses_body or not buffer_put(&sink.body, at, len) else OK


cdef class Parser:
    """Keeps the head in a block of exactly its size, which moves as it grows: spans must not mind, nor run past it."""
    cdef parser_t parser
    cdef message_t message
    cdef parser_limits_t limits
    cdef header_t inline_headers[INLINE_HEADERS]
    cdef char *head
    cdef size_t head_len
    cdef sink_t sink

    def __cinit__(self, bint is_response=False, *, bint answers_head=False, uint32_t header_bytes=65536,
                  uint32_t headers=200, uint32_t uri_bytes=16384, uint32_t chunk_extension_bytes=1024, bint refuses_head=False, bint refuses_body=False):
        self.limits.header_bytes = header_bytes
        self.limits.headers = headers
        self.limits.uri_bytes = uri_bytes
        self.limits.chunk_extension_bytes = chunk_extension_bytes
        self.message.headers = self.inline_headers
        self.message.capacity = INLINE_HEADERS
        if is_response:
            parser_open_response(&self.parser, &self.message, &self.limits, answers_head)
        else:
            parser_open_request(&self.parser, &self.message, &self.limits)
        self.parser.owner = &self.sink
        self.sink.refuses_head = refuses_head
        self.sink.refuses_body = refuses_body
        self.parser.on_head = _on_head
        self.parser.on_body = _on_body

    def __dealloc__(self):
        parser_close(&self.parser)
        buffer_clear(&self.sink.body)
        if self.message.headers != self.inline_headers:
            memory_give(self.message.headers)
        free(self.head)

    def feed(self, bytes data):
        """(status, how many of these bytes were used)"""
        cdef size_t used
        cdef size_t size = len(data)
        cdef char *at
        cdef char *own = NULL
        cdef status_t status
        if not self.parser.is_head_done:
            at = <char *>malloc(self.head_len + size + (self.head_len + size == 0))
            if at == NULL:
                raise MemoryError
            if self.head_len:
                memcpy(at, self.head, self.head_len)
                memset(self.head, 0xEE, self.head_len)
            free(self.head)
            self.head = at
            self.message.base = at
            at += self.head_len
            self.head_len += size
        else:
            own = at = <char *>malloc(size + (size == 0))
            if at == NULL:
                raise MemoryError
        if size:
            memcpy(at, <char *>data, size)
        status = parser_feed(&self.parser, at, size, &used)
        free(own)
        return STATUS[<int>status], used

    def end(self):
        return STATUS[<int>parser_end(&self.parser)]

    @property
    def fault(self):
        return FAULTS[<int>self.parser.fault]

    @property
    def is_head_done(self):
        return bool(self.parser.is_head_done)

    @property
    def is_complete(self):
        return bool(self.parser.is_complete)

    @property
    def framing(self):
        return FRAMINGS[<int>self.parser.framing]

    @property
    def content_length(self):
        return self.parser.content_length

    @property
    def keeps_alive(self):
        return bool(self.parser.keeps_alive)

    @property
    def http_minor(self):
        return self.message.http_minor

    @property
    def status(self):
        return self.message.status

    @property
    def method(self):
        return llhttp_method_name(self.message.method)

    @property
    def target(self):
        return _bytes(span_of(self.message.base + self.message.target, self.message.target_len))

    @property
    def reason(self):
        return _bytes(span_of(self.message.base + self.parser.reason, self.parser.reason_len))

    @property
    def body(self):
        return self.sink.body.data[:self.sink.body.end] if self.sink.body.end else b""

    @property
    def heads_told(self):
        return self.sink.heads

    @property
    def body_bytes(self):
        return self.parser.body_bytes

    @property
    def trailers(self):
        return self.parser.trailers.data[:self.parser.trailers.end] if self.parser.trailers.end else b""

    @property
    def headers(self):
        return [
            (_bytes(header_name(&self.message, &self.message.headers[i])),
             _bytes(header_value(&self.message, &self.message.headers[i])))
            for i in range(self.message.n_headers)
        ]

    @property
    def ids(self):
        return [self.message.headers[i].id for i in range(self.message.n_headers)]

    def has_id(self, uint32_t id):
        return bool(message_has(&self.message, <header_id_t>id))

    def find_id(self, uint32_t id):
        """The value of the first field with that id, or None."""
        cdef const header_t *header = message_find(&self.message, <header_id_t>id)
        return None if header == NULL else _bytes(header_value(&self.message, header))

    def find(self, bytes name, unsigned start=0):
        cdef const header_t *header = message_find_name(&self.message, span_of(name, len(name)), start)
        return None if header == NULL else _bytes(header_value(&self.message, header))

    def connection_has(self, bytes option):
        return bool(connection_has(&self.message, span_of(option, len(option))))

    def connection_names_fields(self):
        return bool(connection_names_fields(&self.message))

    def cookie(self, bytes name):
        cdef span_t value
        return _bytes(value) if cookie_find(&self.message, span_of(name, len(name)), &value) else None

    def websocket_refusal(self):
        """0, or the status to refuse with."""
        return websocket_check_request(&self.message)

    def accepts_websocket(self, Parser answer):
        return bool(websocket_check_answer(&self.message, &answer.message))


def id_of(const unsigned char[::1] name):
    """The number of a field the gateway knows; 0: it does not."""
    return field_id(<const char *>&name[0], <size_t>name.shape[0]) if name.shape[0] else field_id(NULL, 0)


def reason_of(unsigned status):
    return reason_phrase(status)


# --- for bench/micro

cdef status_t _accept_head(parser_t *parser) noexcept nogil:
    return OK


cdef status_t _drop_body(parser_t *parser, const char *at, size_t len) noexcept nogil:
    return OK


def parse_many(bytes data, size_t times, bint is_response=False):
    """Parses one message from start to end, over and over, without the GIL; how often it was complete."""
    cdef parser_t parser
    cdef message_t message
    cdef parser_limits_t limits
    cdef header_t headers[64]
    cdef char *at = data
    cdef size_t size = len(data), used, i, complete = 0
    limits.header_bytes, limits.headers, limits.uri_bytes, limits.chunk_extension_bytes = 65536, 64, 16384, 1024
    memset(&message, 0, sizeof(message))
    message.base = at
    message.headers = headers
    message.capacity = 64
    with nogil:
        for i in range(times):
            if is_response:
                parser_open_response(&parser, &message, &limits, False)
            else:
                parser_open_request(&parser, &message, &limits)
            parser.on_head = _accept_head
            parser.on_body = _drop_body
            complete += parser_feed(&parser, at, size, &used) == DONE
            parser_close(&parser)
    return complete

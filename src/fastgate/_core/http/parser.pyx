"""llhttp's hooks fill a message_t; what llhttp lets through but RFC 9112 forbids is refused here."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset, strlen

from fastgate._core.base.buffer cimport buffer_clear, buffer_put, buffer_t
from fastgate._core.base.memory cimport memory_take
from fastgate._core.base.span cimport span_ieq, span_of, span_t, span_trim
from fastgate._core.base.status cimport DONE, FAILED, MALFORMED, NO_MEMORY, OK, TOO_LARGE, status_t
from fastgate._core.http.connection_options cimport connection_is_bounded
from fastgate._core.http.fields cimport field_id
from fastgate._core.http.llhttp cimport llhttp_execute, llhttp_init, llhttp_method_name
from fastgate._core.http.message cimport (
    HEADER_CONTENT_LENGTH,
    HEADER_OTHER,
    HEADER_TRANSFER_ENCODING,
    MESSAGE_MAX_HEADERS,
    header_t,
    header_value,
    message_has,
    message_t,
)
from fastgate._core.includes.llhttp cimport (
    F_CHUNKED,
    F_CONNECTION_CLOSE,
    F_CONNECTION_KEEP_ALIVE,
    F_TRAILING,
    HPE_OK,
    HPE_PAUSED,
    HPE_PAUSED_UPGRADE,
    HPE_USER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    llhttp_settings_t,
    llhttp_t,
)


cdef enum:
    CHUNK_LINE_BYTES = 20       # size digits and CRLFs a chunk may spend beside its extension
    LEADING_CRLF = 4            # bytes of empty lines allowed before a request line (RFC 9112 section 2.2)


cdef llhttp_settings_t request_settings
cdef llhttp_settings_t response_settings


cdef inline parser_t *_parser_of(llhttp_t *ll) noexcept nogil:
    return <parser_t *>ll.data


cdef int _fail(parser_t *parser, parser_fault_t fault) noexcept nogil:
    parser.fault = <uint8_t>fault
    return HPE_USER


# --- the start line

cdef int on_url(llhttp_t *ll, const char *at, size_t len) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef message_t *message = parser.message
    if message.target_len == 0:
        message.target = <uint32_t>(at - message.base)
    message.target_len += <uint32_t>len
    if message.target_len > parser.limits.uri_bytes:
        return _fail(parser, PARSER_URI_TOO_LONG)
    return 0


cdef int on_status(llhttp_t *ll, const char *at, size_t len) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef size_t i
    if parser.reason_len == 0:
        parser.reason = <uint32_t>(at - parser.message.base)
    for i in range(len):
        if <unsigned char>at[i] < 32 and at[i] != c'\t' or at[i] == 127:
            return _fail(parser, PARSER_MALFORMED)
    if parser.reason_len + len > parser.limits.header_bytes or parser.reason_len + len > 0xFFFF:
        return _fail(parser, PARSER_HEAD_TOO_LARGE)
    parser.reason_len += <uint16_t>len
    return 0


# --- header fields

cdef bint _headers_grow(message_t *message) noexcept nogil:
    """Room for more headers than the owner's inline ones. The owner frees the block."""
    cdef uint16_t capacity = MESSAGE_MAX_HEADERS
    cdef header_t *room = <header_t *>memory_take(capacity * sizeof(header_t))
    if room == NULL:
        return False
    memcpy(room, message.headers, message.n_headers * sizeof(header_t))
    message.headers = room
    message.capacity = capacity
    return True


cdef int on_header_field(llhttp_t *ll, const char *at, size_t len) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef message_t *message = parser.message
    cdef header_t *header
    if ll.flags & F_TRAILING:
        return _trailer_put(parser, at, len)
    if not parser.in_value and message.n_headers and message.headers[message.n_headers - 1].id == 0xFFFF:
        header = &message.headers[message.n_headers - 1]        # its name, continued
        if header.name_len + len > 0xFFFF:
            return _fail(parser, PARSER_HEAD_TOO_LARGE)
        header.name_len += <uint16_t>len
        return 0
    if message.n_headers >= parser.limits.headers:
        return _fail(parser, PARSER_HEAD_TOO_LARGE)
    if message.n_headers == message.capacity:
        if message.capacity == MESSAGE_MAX_HEADERS:
            return _fail(parser, PARSER_HEAD_TOO_LARGE)
        if not _headers_grow(message):
            return _fail(parser, PARSER_NO_MEMORY)
    if len > 0xFFFF:
        return _fail(parser, PARSER_HEAD_TOO_LARGE)
    header = &message.headers[message.n_headers]
    header.name = <uint32_t>(at - message.base)
    header.name_len = <uint16_t>len
    header.value = 0
    header.value_len = 0
    header.id = 0xFFFF          # the name is not complete yet
    message.n_headers += 1
    return 0


cdef int on_header_field_complete(llhttp_t *ll) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef message_t *message = parser.message
    cdef header_t *header
    if ll.flags & F_TRAILING:
        return 0 if buffer_put(&parser.trailers, b": ", 2) else _fail(parser, PARSER_NO_MEMORY)
    header = &message.headers[message.n_headers - 1]
    header.id = field_id(message.base + header.name, header.name_len)
    message.known |= <uint64_t>1 << header.id
    return 0


cdef int on_header_value(llhttp_t *ll, const char *at, size_t len) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef message_t *message = parser.message
    cdef header_t *header
    if ll.flags & F_TRAILING:
        return _trailer_put(parser, at, len)
    header = &message.headers[message.n_headers - 1]
    if not parser.in_value:
        header.value = <uint32_t>(at - message.base)
        parser.in_value = True
    header.value_len += <uint32_t>len
    return 0


cdef int on_header_value_complete(llhttp_t *ll) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef message_t *message = parser.message
    cdef header_t *header
    cdef span_t value
    if ll.flags & F_TRAILING:
        return _trailer_end(parser)
    parser.in_value = False
    header = &message.headers[message.n_headers - 1]
    value = span_trim(header_value(message, header))
    if header.value_len:
        header.value = <uint32_t>(value.at - message.base)
    header.value_len = <uint32_t>value.len
    return 0


# --- trailers: kept as text, dropped where a recipient that takes them for headers could be misled (RFC 9110 section 6.5.1)

cdef int _trailer_put(parser_t *parser, const char *at, size_t len) noexcept nogil:
    if parser.trailers.end + len > parser.limits.header_bytes:
        return _fail(parser, PARSER_HEAD_TOO_LARGE)
    return 0 if buffer_put(&parser.trailers, at, len) else _fail(parser, PARSER_NO_MEMORY)


cdef bint _may_trail(span_t name) noexcept nogil:
    """Nothing the gateway itself reads or writes, nothing that grants, frames or describes."""
    return field_id(name.at, name.len) == HEADER_OTHER and not (
        span_ieq(name, span_of(b"authorization", 13)) or span_ieq(name, span_of(b"www-authenticate", 16))
        or span_ieq(name, span_of(b"set-cookie", 10)) or span_ieq(name, span_of(b"cache-control", 13))
        or span_ieq(name, span_of(b"content-encoding", 16)) or span_ieq(name, span_of(b"content-range", 13))
        or span_ieq(name, span_of(b"content-type", 12)) or span_ieq(name, span_of(b"range", 5))
        or span_ieq(name, span_of(b"max-forwards", 12))
    )


cdef int _trailer_end(parser_t *parser) noexcept nogil:
    cdef buffer_t *trailers = &parser.trailers
    cdef span_t name
    cdef uint32_t colon = parser.trailer_start
    cdef uint32_t lines = 0, i
    while colon < trailers.end and trailers.data[colon] != c':':
        colon += 1
    for i in range(parser.trailer_start):
        lines += trailers.data[i] == c'\n'
    if lines >= parser.limits.headers:
        return _fail(parser, PARSER_HEAD_TOO_LARGE)
    name = span_of(trailers.data + parser.trailer_start, colon - parser.trailer_start)
    if not _may_trail(name) or parser.may_trail != NULL and not parser.may_trail(parser, name):
        trailers.end = parser.trailer_start
        return 0
    if not buffer_put(trailers, b"\r\n", 2):
        return _fail(parser, PARSER_NO_MEMORY)
    parser.trailer_start = trailers.end
    return 0


# --- the head as a whole

cdef bint _is_request_line_strict(parser_t *parser) noexcept nogil:
    """One space on either side of the target, which llhttp does not insist on."""
    cdef message_t *message = parser.message
    cdef const char *method = llhttp_method_name(message.method)
    cdef size_t method_len = strlen(method)
    return (
        message.target >= method_len + 1
        and memcmp(message.base + message.target - method_len - 1, method, method_len) == 0
        and memcmp(message.base + message.target + message.target_len, b" HTTP/1.", 8) == 0
    )


cdef int _check_encoding(parser_t *parser) noexcept nogil:
    """Exactly one Transfer-Encoding, exactly `chunked`, and only in HTTP/1.1 (RFC 9112 section 6.1)."""
    cdef message_t *message = parser.message
    cdef unsigned i, seen = 0
    if not message_has(message, HEADER_TRANSFER_ENCODING):
        return 0
    for i in range(message.n_headers):
        if message.headers[i].id == HEADER_TRANSFER_ENCODING:
            seen += 1
            if not span_ieq(header_value(message, &message.headers[i]), span_of(b"chunked", 7)):
                return _fail(parser, PARSER_MALFORMED)
    if seen != 1 or message.http_minor == 0 or message_has(message, HEADER_CONTENT_LENGTH):
        return _fail(parser, PARSER_MALFORMED)
    return 0


cdef void _note_version(parser_t *parser) noexcept nogil:
    cdef message_t *message = parser.message
    message.http_minor = parser.ll.http_minor
    if message.http_minor:
        parser.keeps_alive = not (parser.ll.flags & F_CONNECTION_CLOSE)
    else:
        parser.keeps_alive = (
            (parser.ll.flags & F_CONNECTION_KEEP_ALIVE) != 0 and not (parser.ll.flags & F_CONNECTION_CLOSE)
        )


cdef uint32_t _head_end(const parser_t *parser) noexcept nogil:
    """How long the head is: behind what was read last come the end of that line and the empty line."""
    cdef const message_t *message = parser.message
    cdef const header_t *last
    cdef uint32_t at = parser.reason + parser.reason_len
    if message.n_headers:
        last = &message.headers[message.n_headers - 1]
        at = last.value + last.value_len if last.value_len else last.name + last.name_len
    elif parser.ll.type == HTTP_REQUEST:
        at = message.target + message.target_len
    while message.base[at] != c'\n':
        at += 1
    return at + 3


cdef parser_fault_t _too_large(const parser_t *parser) noexcept nogil:
    """A request line that alone passes header_bytes has too long a URI, in whatever pieces it came."""
    cdef const message_t *message = parser.message
    if parser.ll.type == HTTP_REQUEST and (
        message.n_headers == 0 or message.headers[0].name >= parser.limits.header_bytes
    ):
        return PARSER_URI_TOO_LONG
    return PARSER_HEAD_TOO_LARGE


cdef int _tell_head(parser_t *parser) noexcept nogil:
    parser.is_head_done = True
    parser.head_bytes = _head_end(parser)
    if parser.head_bytes > parser.limits.header_bytes:
        return _fail(parser, _too_large(parser))
    if not connection_is_bounded(parser.message):
        return _fail(parser, PARSER_HEAD_TOO_LARGE)
    if parser.on_head(parser) < 0:
        return _fail(parser, PARSER_REFUSED_ABOVE)
    return 0


cdef int on_request_headers_complete(llhttp_t *ll) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    parser.message.method = ll.method
    if ll.http_major != 1 or ll.http_minor > 1:
        return _fail(parser, PARSER_VERSION)
    if not _is_request_line_strict(parser):
        return _fail(parser, PARSER_MALFORMED)
    _note_version(parser)
    if _check_encoding(parser):
        return HPE_USER
    if ll.flags & F_CHUNKED:
        parser.framing = FRAMING_CHUNKED
    elif ll.content_length:
        parser.framing = FRAMING_LENGTH
        parser.content_length = ll.content_length
    # Whether to switch protocols is on_head's to say; llhttp must go on reading HTTP.
    ll.upgrade = 0
    return _tell_head(parser)


cdef int on_response_headers_complete(llhttp_t *ll) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    cdef message_t *message = parser.message
    cdef bint has_body
    message.status = ll.status_code
    if ll.http_major != 1 or ll.http_minor > 1 or ll.status_code < 100 or ll.status_code > 999:
        return _fail(parser, PARSER_MALFORMED)
    _note_version(parser)
    if _check_encoding(parser):
        return HPE_USER
    has_body = not (
        parser.answers_head or ll.status_code < 200 or ll.status_code == 204 or ll.status_code == 304
    )
    if ll.status_code == 101:
        parser.framing = FRAMING_TUNNEL
    elif not has_body:
        parser.framing = FRAMING_NONE
    elif ll.flags & F_CHUNKED:
        parser.framing = FRAMING_CHUNKED
    elif message_has(message, HEADER_CONTENT_LENGTH):
        parser.framing = FRAMING_LENGTH
    else:
        parser.framing = FRAMING_UNTIL_CLOSE
    parser.content_length = ll.content_length if message_has(message, HEADER_CONTENT_LENGTH) else 0
    if _tell_head(parser):
        return HPE_USER
    if ll.status_code == 101:
        return 2
    return 0 if has_body else 1


# --- the body

cdef int on_body(llhttp_t *ll, const char *at, size_t len) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    parser.body_bytes += len
    if parser.on_body(parser, at, len) < 0:
        return _fail(parser, PARSER_REFUSED_ABOVE)
    return 0


cdef int on_chunk_header(llhttp_t *ll) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    parser.chunks += 1
    parser.extension_bytes = 0
    return 0


cdef int on_chunk_extension(llhttp_t *ll, const char *at, size_t len) noexcept nogil:
    cdef parser_t *parser = _parser_of(ll)
    parser.extension_bytes += <uint32_t>len
    if parser.extension_bytes > parser.limits.chunk_extension_bytes:
        return _fail(parser, PARSER_MALFORMED)
    return 0


cdef int on_message_complete(llhttp_t *ll) noexcept nogil:
    # Stop here: what follows is another message, and the caller's to time.
    _parser_of(ll).is_complete = True
    return HPE_PAUSED


cdef bint _is_framing_bounded(parser_t *parser) noexcept nogil:
    """Size digits without end ("0000…5") are not an error to llhttp."""
    cdef uint64_t overhead = parser.wire_bytes - parser.body_bytes
    cdef uint64_t allowed = <uint64_t>(parser.chunks + 1) * (
        CHUNK_LINE_BYTES + parser.limits.chunk_extension_bytes
    )
    return parser.framing != FRAMING_CHUNKED or overhead <= allowed + parser.limits.header_bytes


# --- the room's door

cdef void _open(parser_t *parser, message_t *message, const parser_limits_t *limits, int type,
                const llhttp_settings_t *settings) noexcept nogil:
    memset(parser, 0, sizeof(parser_t))
    llhttp_init(&parser.ll, type, settings)
    parser.ll.data = parser
    parser.message = message
    parser.limits = limits
    message.n_headers = 0
    message.known = 0
    message.target_len = 0


cdef void parser_open_request(parser_t *parser, message_t *message, const parser_limits_t *limits) noexcept nogil:
    _open(parser, message, limits, HTTP_REQUEST, &request_settings)


cdef void parser_open_response(parser_t *parser, message_t *message, const parser_limits_t *limits,
                               bint answers_head) noexcept nogil:
    _open(parser, message, limits, HTTP_RESPONSE, &response_settings)
    parser.answers_head = answers_head


cdef void parser_close(parser_t *parser) noexcept nogil:
    buffer_clear(&parser.trailers)


cdef status_t _refusal(parser_t *parser) noexcept nogil:
    if parser.fault == PARSER_FINE:
        parser.fault = PARSER_MALFORMED
    if parser.fault == PARSER_HEAD_TOO_LARGE or parser.fault == PARSER_URI_TOO_LONG:
        return TOO_LARGE
    if parser.fault == PARSER_NO_MEMORY:
        return NO_MEMORY
    return FAILED if parser.fault == PARSER_REFUSED_ABOVE else MALFORMED


cdef status_t _check_head_size(parser_t *parser) noexcept nogil:
    """The head is still open after head_bytes: is there room for more of it?"""
    if parser.head_bytes < parser.limits.header_bytes:
        return OK
    parser.fault = <uint8_t>_too_large(parser)
    return TOO_LARGE


cdef size_t _skip_empty_lines(parser_t *parser, const char *data, size_t len) noexcept nogil:
    """Whole CRLFs before the start line may be skipped (RFC 9112 section 2.2); returns how many bytes were."""
    cdef size_t n = 0
    while n < len and parser.leading < LEADING_CRLF and data[n] == (c'\n' if parser.leading & 1 else c'\r'):
        parser.leading += 1
        n += 1
    return n


cdef status_t parser_feed(parser_t *parser, const char *data, size_t len, size_t *used_out) noexcept nogil:
    cdef int outcome
    cdef size_t used, skipped = 0
    cdef uint32_t head_before = parser.head_bytes
    used_out[0] = 0
    if not parser.is_started:
        skipped = _skip_empty_lines(parser, data, len)
        if skipped == len:
            parser.head_bytes += <uint32_t>len
            used_out[0] = len
            return OK
        parser.is_started = True
        if parser.leading & 1 or data[skipped] == c'\r' or data[skipped] == c'\n':
            return _refusal(parser)
    outcome = llhttp_execute(&parser.ll, data + skipped, len - skipped)
    used = len
    if outcome == HPE_PAUSED or outcome == HPE_PAUSED_UPGRADE:
        used = <size_t>(parser.ll.error_pos - data)
        parser.is_complete = True
    elif outcome != HPE_OK:
        return _refusal(parser)
    used_out[0] = used
    if not parser.is_head_done:
        parser.head_bytes += <uint32_t>used
        return _check_head_size(parser)
    parser.wire_bytes += used - (parser.head_bytes - head_before)     # less what of these bytes was head
    if not _is_framing_bounded(parser):
        return _refusal(parser)
    return DONE if parser.is_complete else OK


cdef status_t parser_end(parser_t *parser) noexcept nogil:
    if parser.is_head_done and parser.framing == FRAMING_UNTIL_CLOSE:
        parser.is_complete = True
        return DONE
    return MALFORMED


cdef void _set_common(llhttp_settings_t *settings) noexcept nogil:
    memset(settings, 0, sizeof(llhttp_settings_t))
    settings.on_header_field = on_header_field
    settings.on_header_field_complete = on_header_field_complete
    settings.on_header_value = on_header_value
    settings.on_header_value_complete = on_header_value_complete
    settings.on_body = on_body
    settings.on_chunk_header = on_chunk_header
    settings.on_chunk_extension_name = on_chunk_extension
    settings.on_chunk_extension_value = on_chunk_extension
    settings.on_message_complete = on_message_complete


_set_common(&request_settings)
request_settings.on_url = on_url
request_settings.on_headers_complete = on_request_headers_complete
_set_common(&response_settings)
response_settings.on_status = on_status
response_settings.on_headers_complete = on_response_headers_complete

"""The handshake's key and its accept value: base64(SHA-1(key + GUID))."""

from libc.stdint cimport uint16_t
from libc.string cimport memcpy

from fastgate._core.base.sha1 cimport SHA1_BYTES, sha1
from fastgate._core.base.span cimport span_eq, span_ieq, span_of, span_t
from fastgate._core.http.connection_options cimport connection_has
from fastgate._core.http.message cimport (
    HEADER_SEC_WEBSOCKET_ACCEPT,
    HEADER_SEC_WEBSOCKET_KEY,
    HEADER_SEC_WEBSOCKET_VERSION,
    HEADER_UPGRADE,
    header_id_t,
    header_t,
    header_value,
    message_find,
    message_t,
)
from fastgate._core.includes.llhttp cimport METHOD_GET


cdef enum:
    KEY_BYTES = 24              # base64 of 16 bytes
    ACCEPT_BYTES = 28           # base64 of a SHA-1
    GUID_BYTES = 36


cdef const char *GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
cdef const char *BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


cdef bint _is_base64(char c) noexcept nogil:
    return c'A' <= c <= c'Z' or c'a' <= c <= c'z' or c'0' <= c <= c'9' or c == c'+' or c == c'/'


cdef bint _is_key(span_t key) noexcept nogil:
    cdef size_t i
    if key.len != KEY_BYTES or key.at[22] != c'=' or key.at[23] != c'=':
        return False
    for i in range(22):
        if not _is_base64(key.at[i]):
            return False
    return True


cdef bint _is_single(const message_t *message, header_id_t id) noexcept nogil:
    cdef unsigned i, seen = 0
    for i in range(message.n_headers):
        seen += message.headers[i].id == <uint16_t>id
    return seen == 1


cdef unsigned websocket_check_request(const message_t *request) noexcept nogil:
    cdef const header_t *key = message_find(request, HEADER_SEC_WEBSOCKET_KEY)
    cdef const header_t *version = message_find(request, HEADER_SEC_WEBSOCKET_VERSION)
    if request.method != METHOD_GET or request.http_minor == 0:
        return 400
    if not connection_has(request, span_of(b"upgrade", 7)):
        return 400
    # Twice is none: the two sides might believe different ones (RFC 6455 section 11.3).
    if not _is_single(request, HEADER_SEC_WEBSOCKET_KEY) or not _is_single(request, HEADER_SEC_WEBSOCKET_VERSION):
        return 400
    if not _is_key(header_value(request, key)):
        return 400
    return 0 if span_eq(header_value(request, version), span_of(b"13", 2)) else 426


cdef void _accept_of(span_t key, char *accept) noexcept nogil:
    cdef char text[KEY_BYTES + GUID_BYTES]
    cdef unsigned char digest[SHA1_BYTES + 1]
    cdef unsigned i, group
    memcpy(text, key.at, KEY_BYTES)
    memcpy(text + KEY_BYTES, GUID, GUID_BYTES)
    sha1(text, KEY_BYTES + GUID_BYTES, digest)
    digest[SHA1_BYTES] = 0
    for i in range(7):
        group = <unsigned>digest[3 * i] << 16 | <unsigned>digest[3 * i + 1] << 8 | <unsigned>digest[3 * i + 2]
        accept[4 * i] = BASE64[group >> 18]
        accept[4 * i + 1] = BASE64[group >> 12 & 63]
        accept[4 * i + 2] = BASE64[group >> 6 & 63]
        accept[4 * i + 3] = BASE64[group & 63]
    accept[ACCEPT_BYTES - 1] = c'='


cdef bint websocket_check_answer(const message_t *request, const message_t *answer) noexcept nogil:
    cdef char wanted[ACCEPT_BYTES]
    cdef const header_t *accept = message_find(answer, HEADER_SEC_WEBSOCKET_ACCEPT)
    cdef const header_t *upgrade = message_find(answer, HEADER_UPGRADE)
    cdef const header_t *key = message_find(request, HEADER_SEC_WEBSOCKET_KEY)
    if key == NULL or upgrade == NULL or not _is_single(answer, HEADER_SEC_WEBSOCKET_ACCEPT):
        return False
    if not span_ieq(header_value(answer, upgrade), span_of(b"websocket", 9)):
        return False
    _accept_of(header_value(request, key), wanted)
    return span_eq(header_value(answer, accept), span_of(wanted, ACCEPT_BYTES))

"""One parsed HTTP/1.1 head: spans into a buffer, kept as offsets so that the buffer may move.

Types and inline readers only; the parser that fills it is `http/parser.pyx`.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_ieq, span_of, span_t


cdef enum:
    MESSAGE_MAX_HEADERS = 256       # hard cap; `limits.headers` (default 200) lies below


cdef enum header_id_t:
    # Field names the gateway itself acts on; all others are HEADER_OTHER.
    HEADER_OTHER = 0
    HEADER_HOST
    HEADER_CONNECTION
    HEADER_CONTENT_LENGTH
    HEADER_TRANSFER_ENCODING
    HEADER_EXPECT
    HEADER_UPGRADE
    HEADER_TE
    HEADER_TRAILER
    HEADER_KEEP_ALIVE
    HEADER_PROXY_CONNECTION
    HEADER_PROXY_AUTHENTICATE
    HEADER_PROXY_AUTHORIZATION
    HEADER_X_FORWARDED_FOR
    HEADER_X_FORWARDED_PROTO
    HEADER_X_FORWARDED_HOST
    HEADER_X_FORWARDED_PORT
    HEADER_X_FORWARDED_PATH
    HEADER_X_FORWARDED_PREFIX
    HEADER_X_REAL_IP
    HEADER_FORWARDED
    HEADER_VIA
    HEADER_SERVER
    HEADER_DATE
    HEADER_COOKIE
    HEADER_USER_AGENT
    HEADER_REFERER
    HEADER_SEC_WEBSOCKET_KEY
    HEADER_SEC_WEBSOCKET_VERSION
    HEADER_SEC_WEBSOCKET_ACCEPT
    HEADER_AUTHORIZATION
    HEADER_ORIGIN
    HEADER_X_CONSUMER_ID
    HEADER_X_CONSUMER_CUSTOM_ID
    HEADER_X_CONSUMER_USERNAME
    HEADER_X_CONSUMER_GROUPS
    HEADER_X_CREDENTIAL_IDENTIFIER
    HEADER_X_ANONYMOUS_CONSUMER
    HEADER_X_AUTHENTICATED_GROUPS
    HEADER_X_AUTHENTICATED_SCOPE
    HEADER_X_AUTHENTICATED_USERID
    HEADER_DROPPED          # one that a plugin took out: not passed on, found by nobody


cdef struct header_t:
    # Part of its message_t.
    uint32_t name           # offset from message_t.base
    uint32_t value          # offset from message_t.base, without surrounding blanks
    uint32_t value_len
    uint16_t name_len
    uint16_t id             # header_id_t


cdef struct message_t:
    # Owner: the exchange or mirror it is a field of, and dies with it; that one's reactor only.
    # `base` is where its head was read to, and may move.
    char *base
    uint32_t target         # request-target: offset
    uint32_t target_len
    uint16_t status         # responses
    uint16_t n_headers
    uint16_t capacity       # room in `headers`, at most MESSAGE_MAX_HEADERS
    uint8_t method          # llhttp's number (includes/llhttp.pxd)
    uint8_t http_minor      # major is always 1
    uint64_t known          # bit HEADER_x set: at least one such field is present
    header_t *headers       # first the owner's inline room, then a block of its own


cdef inline span_t header_name(const message_t *m, const header_t *h) noexcept nogil:
    return span_of(m.base + h.name, h.name_len)


cdef inline span_t header_value(const message_t *m, const header_t *h) noexcept nogil:
    return span_of(m.base + h.value, h.value_len)


cdef inline bint message_has(const message_t *m, header_id_t id) noexcept nogil:
    return (m.known >> <unsigned>id) & 1


cdef inline const header_t *message_find(const message_t *m, header_id_t id) noexcept nogil:
    """The first field with this id, or NULL."""
    cdef unsigned i
    if not message_has(m, id):
        return NULL
    for i in range(m.n_headers):
        if m.headers[i].id == <uint16_t>id:
            return &m.headers[i]
    return NULL


cdef inline const header_t *message_find_name(const message_t *m, span_t name, unsigned start) noexcept nogil:
    """The first field of that name (any case) at or after index `start`, or NULL."""
    cdef unsigned i
    for i in range(start, m.n_headers):
        if (
            m.headers[i].name_len == name.len and m.headers[i].id != HEADER_DROPPED
            and span_ieq(header_name(m, &m.headers[i]), name)
        ):
            return &m.headers[i]
    return NULL


cdef inline bint message_drop_name(message_t *m, span_t name) noexcept nogil:
    """Take out all fields of that name (any case): message_has and both finds no longer see them. False: there was none."""
    cdef uint64_t dropped = 0
    cdef header_t *h
    cdef unsigned i
    for i in range(m.n_headers):
        h = &m.headers[i]
        if h.name_len == name.len and h.id != HEADER_DROPPED and span_ieq(header_name(m, h), name):
            dropped |= <uint64_t>1 << h.id
            h.id = HEADER_DROPPED
    # A name of ours has one id, and no field of it is left; HEADER_OTHER is never asked for.
    m.known &= ~dropped
    return dropped != 0

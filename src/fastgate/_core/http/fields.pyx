"""A small open-addressed table from field names to header_id_t, filled at import."""

from libc.stdint cimport uint8_t, uint16_t, uint32_t
from libc.string cimport memcpy, memset

from fastgate._core.base.span cimport same_but_case
from fastgate._core.http.message cimport (
    HEADER_AUTHORIZATION,
    HEADER_CONNECTION,
    HEADER_CONTENT_LENGTH,
    HEADER_COOKIE,
    HEADER_DATE,
    HEADER_EXPECT,
    HEADER_FORWARDED,
    HEADER_HOST,
    HEADER_KEEP_ALIVE,
    HEADER_ORIGIN,
    HEADER_OTHER,
    HEADER_PROXY_AUTHENTICATE,
    HEADER_PROXY_AUTHORIZATION,
    HEADER_PROXY_CONNECTION,
    HEADER_REFERER,
    HEADER_SEC_WEBSOCKET_ACCEPT,
    HEADER_SEC_WEBSOCKET_KEY,
    HEADER_SEC_WEBSOCKET_VERSION,
    HEADER_SERVER,
    HEADER_TE,
    HEADER_TRAILER,
    HEADER_TRANSFER_ENCODING,
    HEADER_UPGRADE,
    HEADER_USER_AGENT,
    HEADER_VIA,
    HEADER_X_ANONYMOUS_CONSUMER,
    HEADER_X_AUTHENTICATED_GROUPS,
    HEADER_X_AUTHENTICATED_SCOPE,
    HEADER_X_AUTHENTICATED_USERID,
    HEADER_X_CONSUMER_CUSTOM_ID,
    HEADER_X_CONSUMER_GROUPS,
    HEADER_X_CONSUMER_ID,
    HEADER_X_CONSUMER_USERNAME,
    HEADER_X_CREDENTIAL_IDENTIFIER,
    HEADER_X_FORWARDED_FOR,
    HEADER_X_FORWARDED_HOST,
    HEADER_X_FORWARDED_PATH,
    HEADER_X_FORWARDED_PORT,
    HEADER_X_FORWARDED_PREFIX,
    HEADER_X_FORWARDED_PROTO,
    HEADER_X_REAL_IP,
)


cdef enum:
    SLOTS = 128
    NAME_BYTES = 32


cdef struct field_t:
    # Static, filled at import, then read-only.
    char name[NAME_BYTES]
    uint8_t len
    uint16_t id


cdef field_t table[SLOTS]


cdef inline uint32_t _slot(const char *name, size_t len) noexcept nogil:
    # The bit makes ASCII letters lower case; what else it joins, same_but_case tells apart.
    cdef uint32_t first = <uint8_t>name[0] | 0x20
    cdef uint32_t last = <uint8_t>name[len - 1] | 0x20
    cdef uint32_t middle = <uint8_t>name[len // 2] | 0x20
    return (<uint32_t>len * 7 + first * 31 + middle * 5 + last) & (SLOTS - 1)


cdef uint16_t field_id(const char *name, size_t len) noexcept nogil:
    cdef uint32_t slot
    cdef const field_t *field
    if len == 0 or len > NAME_BYTES:
        return HEADER_OTHER
    slot = _slot(name, len)
    while True:
        field = &table[slot]
        if field.len == 0:
            return HEADER_OTHER
        if field.len == len and same_but_case(field.name, name, len):
            return field.id
        slot = (slot + 1) & (SLOTS - 1)


cdef void _add(bytes name, uint16_t id) except *:
    cdef const char *at = name
    cdef size_t n = <size_t>len(name)
    cdef uint32_t slot = _slot(at, n)
    while table[slot].len:
        slot = (slot + 1) & (SLOTS - 1)
    memcpy(table[slot].name, at, n)
    table[slot].len = <uint8_t>n
    table[slot].id = id


memset(table, 0, sizeof(table))
for _name, _id in (
    (b"host", HEADER_HOST),
    (b"connection", HEADER_CONNECTION),
    (b"content-length", HEADER_CONTENT_LENGTH),
    (b"transfer-encoding", HEADER_TRANSFER_ENCODING),
    (b"expect", HEADER_EXPECT),
    (b"upgrade", HEADER_UPGRADE),
    (b"te", HEADER_TE),
    (b"trailer", HEADER_TRAILER),
    (b"keep-alive", HEADER_KEEP_ALIVE),
    (b"proxy-connection", HEADER_PROXY_CONNECTION),
    (b"proxy-authenticate", HEADER_PROXY_AUTHENTICATE),
    (b"proxy-authorization", HEADER_PROXY_AUTHORIZATION),
    (b"x-forwarded-for", HEADER_X_FORWARDED_FOR),
    (b"x-forwarded-proto", HEADER_X_FORWARDED_PROTO),
    (b"x-forwarded-host", HEADER_X_FORWARDED_HOST),
    (b"x-forwarded-port", HEADER_X_FORWARDED_PORT),
    (b"x-forwarded-path", HEADER_X_FORWARDED_PATH),
    (b"x-forwarded-prefix", HEADER_X_FORWARDED_PREFIX),
    (b"x-real-ip", HEADER_X_REAL_IP),
    (b"forwarded", HEADER_FORWARDED),
    (b"via", HEADER_VIA),
    (b"server", HEADER_SERVER),
    (b"date", HEADER_DATE),
    (b"cookie", HEADER_COOKIE),
    (b"user-agent", HEADER_USER_AGENT),
    (b"referer", HEADER_REFERER),
    (b"sec-websocket-key", HEADER_SEC_WEBSOCKET_KEY),
    (b"sec-websocket-version", HEADER_SEC_WEBSOCKET_VERSION),
    (b"sec-websocket-accept", HEADER_SEC_WEBSOCKET_ACCEPT),
    (b"authorization", HEADER_AUTHORIZATION),
    (b"origin", HEADER_ORIGIN),
    (b"x-consumer-id", HEADER_X_CONSUMER_ID),
    (b"x-consumer-custom-id", HEADER_X_CONSUMER_CUSTOM_ID),
    (b"x-consumer-username", HEADER_X_CONSUMER_USERNAME),
    (b"x-consumer-groups", HEADER_X_CONSUMER_GROUPS),
    (b"x-credential-identifier", HEADER_X_CREDENTIAL_IDENTIFIER),
    (b"x-anonymous-consumer", HEADER_X_ANONYMOUS_CONSUMER),
    (b"x-authenticated-groups", HEADER_X_AUTHENTICATED_GROUPS),
    (b"x-authenticated-scope", HEADER_X_AUTHENTICATED_SCOPE),
    (b"x-authenticated-userid", HEADER_X_AUTHENTICATED_USERID),
):
    _add(_name, _id)

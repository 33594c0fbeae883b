"""Reading comma-separated connection options."""


from fastgate._core.base.span cimport span_ieq, span_of, span_t, span_trim
from fastgate._core.http.message cimport HEADER_CONNECTION, header_value, message_has, message_t


cdef span_t _next_option(span_t *rest) noexcept nogil:
    """Cuts the first element off `rest`; empty at the end, or for an empty element."""
    cdef size_t i = 0
    cdef span_t option
    while i < rest.len and rest.at[i] != c',':
        i += 1
    option = span_trim(span_of(rest.at, i))
    if i < rest.len:
        i += 1
    rest.at += i
    rest.len -= i
    return option


cdef bint connection_has(const message_t *message, span_t option) noexcept nogil:
    cdef unsigned i
    cdef span_t rest
    if not message_has(message, HEADER_CONNECTION):
        return False
    for i in range(message.n_headers):
        if message.headers[i].id == HEADER_CONNECTION:
            rest = header_value(message, &message.headers[i])
            while rest.len:
                if span_ieq(_next_option(&rest), option):
                    return True
    return False


cdef bint connection_is_bounded(const message_t *message) noexcept nogil:
    cdef size_t bytes = 0
    cdef unsigned i
    if not message_has(message, HEADER_CONNECTION):
        return True
    for i in range(message.n_headers):
        if message.headers[i].id == HEADER_CONNECTION:
            bytes += message.headers[i].value_len
    return bytes <= CONNECTION_MAX_BYTES


cdef bint _is_plain(span_t option) noexcept nogil:
    return option.len == 0 or (
        span_ieq(option, span_of(b"keep-alive", 10)) or span_ieq(option, span_of(b"close", 5))
        or span_ieq(option, span_of(b"upgrade", 7)) or span_ieq(option, span_of(b"te", 2))
    )


cdef bint connection_names_fields(const message_t *message) noexcept nogil:
    cdef unsigned i
    cdef span_t rest
    if not message_has(message, HEADER_CONNECTION):
        return False
    for i in range(message.n_headers):
        if message.headers[i].id == HEADER_CONNECTION:
            rest = header_value(message, &message.headers[i])
            while rest.len:
                if not _is_plain(_next_option(&rest)):
                    return True
    return False

"""Finding the token of a request, and seeing that there is only one."""

from libc.stdint cimport uint32_t
from libc.string cimport memchr

from fastgate._core.base.span cimport span_eq, span_ieq, span_of, span_t, span_trim
from fastgate._core.http.cookie cimport cookie_next, cookie_walk_t
from fastgate._core.http.message cimport HEADER_COOKIE, header_t, header_value, message_find_name, message_has
from fastgate._core.http.query cimport query_arg_t, query_decode, query_next
from fastgate._core.http.uri cimport uri_name_eq
from fastgate._core.proxy.exchange cimport exchange_query, exchange_take
from fastgate._core.snapshot.keep cimport keep_texts


cdef enum:
    SCHEME_BYTES = 6            # "Bearer"


cdef struct found_t:
    # A value on somebody's stack: what was found so far.
    span_t token
    unsigned n
    bint has_flag


cdef void _note(found_t *found, span_t token) noexcept nogil:
    """One more. The same token twice is one; an empty one is none."""
    if token.len == 0 or (found.n and span_eq(found.token, token)):
        return
    found.token = token
    found.n += 1


cdef span_t _of_argument(exchange_t *exchange, span_t value) noexcept nogil:
    cdef char *room
    if value.len == 0 or memchr(value.at, c'%', value.len) == NULL:
        return value
    room = <char *>exchange_take(exchange, value.len)
    return query_decode(value, room) if room != NULL else value


cdef span_t _of_field(span_t value) noexcept nogil:
    """What follows `Bearer` (RFC 6750 section 2.1); empty: another scheme."""
    if (value.len <= SCHEME_BYTES or not span_ieq(span_of(value.at, SCHEME_BYTES), span_of(b"Bearer", SCHEME_BYTES))
            or (value.at[SCHEME_BYTES] != c' ' and value.at[SCHEME_BYTES] != c'\t')):
        return span_of(NULL, 0)
    return span_trim(span_of(value.at + SCHEME_BYTES, value.len - SCHEME_BYTES))


cdef void _look_in_query(const jwt_source_t *source, exchange_t *exchange, found_t *found) noexcept nogil:
    cdef span_t rest = exchange_query(exchange)
    cdef query_arg_t argument
    cdef uint32_t i
    while query_next(&rest, &argument):
        for i in range(source.n_arguments):
            if uri_name_eq(argument.name, source.arguments[i]):
                if argument.has_value:
                    _note(found, _of_argument(exchange, argument.value))
                else:
                    found.has_flag = True


cdef void _look_in_headers(const jwt_source_t *source, exchange_t *exchange, found_t *found) noexcept nogil:
    cdef const header_t *header
    cdef uint32_t i
    for i in range(source.n_headers):
        header = message_find_name(&exchange.request, source.headers[i], 0)
        while header != NULL:
            _note(found, _of_field(header_value(&exchange.request, header)))
            header = message_find_name(
                &exchange.request, source.headers[i], <unsigned>(header - exchange.request.headers) + 1
            )


cdef jwt_found_t jwt_source_find(const jwt_source_t *source, exchange_t *exchange, span_t *token_out) noexcept nogil:
    cdef found_t found
    cdef cookie_walk_t walk
    cdef span_t value
    cdef uint32_t i
    found.n = 0
    found.has_flag = False
    if exchange.has_query and source.n_arguments:
        _look_in_query(source, exchange, &found)
    if message_has(&exchange.request, HEADER_COOKIE):
        for i in range(source.n_cookies):
            walk.header = 0
            walk.at = 0
            while cookie_next(&exchange.request, source.cookies[i], &walk, &value):
                _note(&found, value)
    _look_in_headers(source, exchange, &found)
    if found.n == 0:
        return JWT_FOUND_FLAG if found.has_flag else JWT_FOUND_NONE
    token_out[0] = found.token
    return JWT_FOUND_ONE if found.n == 1 and not found.has_flag else JWT_FOUND_SEVERAL


# ---- building

cdef int jwt_source_build(jwt_source_t *source, arena_t *arena, dict config) except -1:
    source.arguments = keep_texts(arena, config["uri_param_names"] or [], &source.n_arguments)
    source.cookies = keep_texts(arena, config["cookie_names"] or [], &source.n_cookies)
    source.headers = keep_texts(arena, config["header_names"] or [], &source.n_headers)
    return 0

"""Cookie pairs: name=value; name=value."""

from fastgate._core.base.span cimport span_eq, span_of, span_t, span_trim
from fastgate._core.http.message cimport HEADER_COOKIE, header_value, message_t


cdef bint _pair_is(span_t pair, span_t name, span_t *value_out) noexcept nogil:
    pair = span_trim(pair)
    if pair.len <= name.len or pair.at[name.len] != c'=' or not span_eq(span_of(pair.at, name.len), name):
        return False
    value_out[0] = span_of(pair.at + name.len + 1, pair.len - name.len - 1)
    return True


cdef bint cookie_next(const message_t *request, span_t name, cookie_walk_t *walk, span_t *value_out) noexcept nogil:
    cdef size_t start, end
    cdef span_t value
    while walk.header < request.n_headers:
        if request.headers[walk.header].id == HEADER_COOKIE:
            value = header_value(request, &request.headers[walk.header])
            while walk.at < value.len:
                start = end = walk.at
                while end < value.len and value.at[end] != c';':
                    end += 1
                walk.at = end + 1
                if _pair_is(span_of(value.at + start, end - start), name, value_out):
                    return True
        walk.header += 1
        walk.at = 0
    return False


cdef bint cookie_find(const message_t *request, span_t name, span_t *value_out) noexcept nogil:
    cdef cookie_walk_t walk
    walk.header = 0
    walk.at = 0
    return cookie_next(request, name, &walk, value_out)

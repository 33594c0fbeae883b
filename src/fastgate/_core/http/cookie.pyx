"""Cookie pairs: name=value; name=value."""

from fastgate._core.base.span cimport span_eq, span_of, span_t, span_trim
from fastgate._core.http.message cimport HEADER_COOKIE, header_value, message_t


cdef bint _pair_is(span_t pair, span_t name, span_t *value_out) noexcept nogil:
    pair = span_trim(pair)
    if pair.len <= name.len or pair.at[name.len] != c'=' or not span_eq(span_of(pair.at, name.len), name):
        return False
    value_out[0] = span_of(pair.at + name.len + 1, pair.len - name.len - 1)
    return True


cdef bint cookie_find(const message_t *request, span_t name, span_t *value_out) noexcept nogil:
    cdef unsigned i
    cdef size_t start, end
    cdef span_t value
    for i in range(request.n_headers):
        if request.headers[i].id != HEADER_COOKIE:
            continue
        value = header_value(request, &request.headers[i])
        start = 0
        while start < value.len:
            end = start
            while end < value.len and value.at[end] != c';':
                end += 1
            if _pair_is(span_of(value.at + start, end - start), name, value_out):
                return True
            start = end + 1
    return False

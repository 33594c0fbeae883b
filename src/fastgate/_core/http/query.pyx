"""Walking name=value pairs between "&"."""

from libc.stdint cimport uint8_t
from libc.string cimport memchr

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.http.percent cimport escape_at
from fastgate._core.http.uri cimport uri_name_eq


cdef bint query_next(span_t *query, query_arg_t *arg_out) noexcept nogil:
    cdef const char *end
    cdef const char *equals
    cdef span_t whole
    while query.len:
        end = <const char *>memchr(query.at, c'&', query.len)
        whole = span_of(query.at, <size_t>(end - query.at) if end != NULL else query.len)
        if end == NULL:
            query.len = 0
        else:
            query.at = end + 1
            query.len -= whole.len + 1
        if whole.len == 0:
            continue
        equals = <const char *>memchr(whole.at, c'=', whole.len)
        arg_out.whole = whole
        arg_out.has_value = equals != NULL
        arg_out.name = span_of(whole.at, <size_t>(equals - whole.at) if equals != NULL else whole.len)
        arg_out.value = span_of(whole.at + whole.len, 0)
        if equals != NULL:
            arg_out.value = span_of(equals + 1, whole.len - arg_out.name.len - 1)
        return True
    return False


cdef unsigned query_count(span_t query, span_t name, query_arg_t *first_out) noexcept nogil:
    cdef query_arg_t arg
    cdef unsigned count = 0
    while query_next(&query, &arg):
        if uri_name_eq(arg.name, name):
            if count == 0:
                first_out[0] = arg
            count += 1
    return count


cdef span_t query_decode(span_t text, char *out) noexcept nogil:
    cdef size_t i = 0, n = 0
    cdef int escaped
    while i < text.len:
        escaped = escape_at(text, i)
        if escaped >= 0:
            out[n] = <char><uint8_t>escaped
            i += 3
        else:
            out[n] = c' ' if text.at[i] == c'+' else text.at[i]
            i += 1
        n += 1
    return span_of(out, n)

"""One pass over a query for each change."""

from libc.string cimport memchr

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.writer cimport writer_put, writer_span, writer_t, writer_text
from fastgate._core.http.percent cimport is_unreserved, put_byte, put_escaped
from fastgate._core.http.uri cimport uri_name_eq, uri_query_arg


cdef struct walk_t:
    # Owner: one function's stack. The query between its "&".
    span_t rest
    bint is_over
    span_t piece            # "name", "name=value" or empty
    span_t name


cdef void _walk_open(walk_t *walk, span_t query) noexcept nogil:
    walk.rest = query
    walk.is_over = query.len == 0


cdef bint _walk(walk_t *walk) noexcept nogil:
    cdef const char *end
    if walk.is_over:
        return False
    walk.piece = walk.rest
    end = <const char *>memchr(walk.rest.at, c'&', walk.rest.len) if walk.rest.len else NULL
    if end == NULL:
        walk.is_over = True
    else:
        walk.piece.len = <size_t>(end - walk.rest.at)
        walk.rest = span_of(end + 1, walk.rest.len - walk.piece.len - 1)
    walk.name = walk.piece
    end = <const char *>memchr(walk.piece.at, c'=', walk.piece.len) if walk.piece.len else NULL
    if end != NULL:
        walk.name.len = <size_t>(end - walk.piece.at)
    return True


cdef bint _is(const walk_t *walk, span_t name) noexcept nogil:
    """An empty piece is no argument; "=value" is one whose name is empty."""
    return walk.piece.len > 0 and uri_name_eq(walk.name, name)


cdef void _separate(writer_t *writer, bint *is_first) noexcept nogil:
    if not is_first[0]:
        writer_text(writer, b"&")
    is_first[0] = False


cdef void _put_name(writer_t *writer, span_t name) noexcept nogil:
    cdef size_t i
    for i in range(name.len):
        if is_unreserved(name.at[i]):
            put_byte(writer, name.at[i])
        else:
            put_escaped(writer, <unsigned char>name.at[i])


cdef bint query_has(span_t query, span_t name) noexcept nogil:
    cdef span_t value
    return uri_query_arg(query, name, &value)


cdef void query_remove(span_t query, span_t name, writer_t *writer) noexcept nogil:
    cdef bint is_first = True
    cdef walk_t walk
    _walk_open(&walk, query)
    while _walk(&walk):
        if not _is(&walk, name):
            _separate(writer, &is_first)
            writer_span(writer, walk.piece)


cdef void query_rename(span_t query, span_t name, span_t new, writer_t *writer) noexcept nogil:
    cdef bint is_first = True
    cdef walk_t walk
    _walk_open(&walk, query)
    while _walk(&walk):
        if _is(&walk, name):
            _separate(writer, &is_first)
            _put_name(writer, new)
            writer_put(writer, walk.piece.at + walk.name.len, walk.piece.len - walk.name.len)
        elif not _is(&walk, new):
            _separate(writer, &is_first)
            writer_span(writer, walk.piece)


cdef void query_replace(span_t query, span_t name, span_t value, writer_t *writer) noexcept nogil:
    cdef bint is_first = True, is_done = False
    cdef walk_t walk
    _walk_open(&walk, query)
    while _walk(&walk):
        if not _is(&walk, name):
            _separate(writer, &is_first)
            writer_span(writer, walk.piece)
        elif not is_done:
            is_done = True
            _separate(writer, &is_first)
            writer_span(writer, walk.name)
            writer_text(writer, b"=")
            writer_span(writer, value)


cdef void query_append(span_t query, span_t name, span_t value, writer_t *writer) noexcept nogil:
    writer_span(writer, query)
    if query.len:
        writer_text(writer, b"&")
    _put_name(writer, name)
    writer_text(writer, b"=")
    writer_span(writer, value)

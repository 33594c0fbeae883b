"""Writing the JSON. Names that repeat become a list; a query argument without "=" is `true`, as in Kong.

Its body is not in it: where Kong waits for the whole of it, this gateway answers at once.
"""

from fastgate._core.base.span cimport ascii_lower, span_eq, span_ieq, span_of, span_text
from fastgate._core.base.writer cimport writer_number, writer_open, writer_span, writer_t, writer_text
from fastgate._core.http.llhttp cimport llhttp_method_name
from fastgate._core.http.message cimport HEADER_DROPPED, header_name, header_t, header_value, message_t
from fastgate._core.observe.escape cimport ESCAPE_MAX, escape_json
from fastgate._core.proxy.additions cimport additions_each
from fastgate._core.proxy.exchange cimport added_t, exchange_path, exchange_query, exchange_take


cdef enum:
    FIXED_BYTES = 512           # names and punctuation
    FIELD_BYTES = 16            # punctuation of one field or argument


cdef struct argument_t:
    # A value: of the query, decoded. Points into the room of one echo.
    span_t name
    span_t value                # .at NULL: it had no "="


cdef void _put_text(writer_t *writer, span_t text) noexcept nogil:
    """Quoted. The room was measured for it."""
    writer_text(writer, b'"')
    writer.at = escape_json(writer.at, text)
    writer_text(writer, b'"')


cdef void _put_name(writer_t *writer, span_t name) noexcept nogil:
    """Of a field: in lower case; it is a token, so nothing in it needs to be escaped."""
    cdef size_t i
    writer_text(writer, b'"')
    for i in range(name.len):
        writer.at[0] = ascii_lower(name.at[i])
        writer.at += 1
    writer_text(writer, b'":')


# ---- fields

cdef bint _has_before(const message_t *request, unsigned before, span_t name) noexcept nogil:
    cdef unsigned i
    for i in range(before):
        if request.headers[i].id != HEADER_DROPPED and span_ieq(header_name(request, &request.headers[i]), name):
            return True
    return False


cdef void _put_values(writer_t *writer, const message_t *request, const added_t *added, span_t name) noexcept nogil:
    """All values of a name: one as text, more as a list."""
    cdef char *start = writer.at
    cdef unsigned i, n = 0
    writer_text(writer, b"[")
    for i in range(request.n_headers):
        if request.headers[i].id != HEADER_DROPPED and span_ieq(header_name(request, &request.headers[i]), name):
            writer_text(writer, b"," if n else b"")
            _put_text(writer, header_value(request, &request.headers[i]))
            n += 1
    while added != NULL:
        if not added.is_hidden and span_ieq(added.name, name):
            writer_text(writer, b"," if n else b"")
            _put_text(writer, added.value)
            n += 1
        added = added.next
    if n == 1:
        start[0] = c' '
    else:
        writer_text(writer, b"]")


cdef void _put_fields(writer_t *writer, const message_t *request, const added_t *added) noexcept nogil:
    cdef const added_t *field = added
    cdef const added_t *other
    cdef const header_t *header
    cdef bint is_first = True
    cdef unsigned i
    writer_text(writer, b"{")
    for i in range(request.n_headers):
        header = &request.headers[i]
        if header.id == HEADER_DROPPED or _has_before(request, i, header_name(request, header)):
            continue
        writer_text(writer, b"" if is_first else b",")
        is_first = False
        _put_name(writer, header_name(request, header))
        _put_values(writer, request, added, header_name(request, header))
    while field != NULL:
        other = added
        while other != field and (other.is_hidden or not span_ieq(other.name, field.name)):
            other = other.next
        if other == field and not field.is_hidden and not _has_before(request, request.n_headers, field.name):
            writer_text(writer, b"" if is_first else b",")
            is_first = False
            _put_name(writer, field.name)
            _put_values(writer, request, added, field.name)
        field = field.next
    writer_text(writer, b"}")


# ---- the query

cdef int _digit(char c) noexcept nogil:
    c = ascii_lower(c)
    if c'0' <= c <= c'9':
        return c - c'0'
    return c - c'a' + 10 if c'a' <= c <= c'f' else -1


cdef span_t _decode(span_t text, char **room) noexcept nogil:
    """Into `room`, which moves on. Never longer than it was."""
    cdef char *start = room[0]
    cdef size_t i = 0
    while i < text.len:
        if text.at[i] == c'%' and i + 2 < text.len and _digit(text.at[i + 1]) >= 0 and _digit(text.at[i + 2]) >= 0:
            room[0][0] = <char>(_digit(text.at[i + 1]) << 4 | _digit(text.at[i + 2]))
            i += 2
        else:
            room[0][0] = c' ' if text.at[i] == c'+' else text.at[i]
        room[0] += 1
        i += 1
    return span_of(start, <size_t>(room[0] - start))


cdef unsigned _read_arguments(span_t query, argument_t *arguments, char *room) noexcept nogil:
    cdef size_t start = 0, end, equals
    cdef unsigned n = 0
    while start < query.len and n < ECHO_MAX_ARGUMENTS:
        end = start
        while end < query.len and query.at[end] != c'&':
            end += 1
        equals = start
        while equals < end and query.at[equals] != c'=':
            equals += 1
        if end > start:
            arguments[n].name = _decode(span_of(query.at + start, equals - start), &room)
            arguments[n].value = span_of(NULL, 0)
            if equals < end:
                arguments[n].value = _decode(span_of(query.at + equals + 1, end - equals - 1), &room)
            n += 1
        start = end + 1
    return n


cdef void _put_query(writer_t *writer, span_t query, char *room) noexcept nogil:
    cdef argument_t arguments[ECHO_MAX_ARGUMENTS]
    cdef unsigned n = _read_arguments(query, arguments, room), i, k, same
    cdef bint is_first = True
    cdef char *start
    writer_text(writer, b"{")
    for i in range(n):
        k = 0
        while k < i and not span_eq(arguments[k].name, arguments[i].name):
            k += 1
        if k < i:
            continue
        writer_text(writer, b"" if is_first else b",")
        is_first = False
        _put_text(writer, arguments[i].name)
        writer_text(writer, b":")
        start = writer.at
        same = 0
        writer_text(writer, b"[")
        for k in range(i, n):
            if span_eq(arguments[k].name, arguments[i].name):
                writer_text(writer, b"," if same else b"")
                if arguments[k].value.at == NULL:
                    writer_text(writer, b"true")
                else:
                    _put_text(writer, arguments[k].value)
                same += 1
        if same == 1:
            start[0] = c' '
        else:
            writer_text(writer, b"]")
    writer_text(writer, b"}")


# ---- all of it

cdef size_t _measure(exchange_t *exchange, span_t message, span_t node) noexcept nogil:
    """What the JSON takes at most, without the decoded query."""
    cdef const message_t *request = &exchange.request
    cdef const added_t *added = additions_each(exchange, &exchange.request_added)
    cdef size_t escaped = message.len + exchange_query(exchange).len + exchange_path(exchange).len + exchange.host_len
    cdef size_t items = ECHO_MAX_ARGUMENTS + request.n_headers
    cdef unsigned i
    escaped += exchange.route.name.len
    if exchange.service != NULL:
        escaped += exchange.service.name.len
    for i in range(request.n_headers):
        escaped += <size_t>request.headers[i].name_len + request.headers[i].value_len
    while added != NULL:
        escaped += added.name.len + added.value.len
        items += 1
        added = added.next
    return FIXED_BYTES + node.len + items * FIELD_BYTES + escaped * ESCAPE_MAX


cdef span_t request_echo(exchange_t *exchange, span_t message, span_t node) noexcept nogil:
    cdef size_t size = _measure(exchange, message, node)
    cdef span_t query = exchange_query(exchange) if exchange.has_query else span_text(b"")
    cdef char *room = <char *>exchange_take(exchange, size + query.len)
    cdef writer_t writer
    if room == NULL:
        return span_of(NULL, 0)
    writer_open(&writer, room, size)
    writer_text(&writer, b'{"message":')
    _put_text(&writer, message)
    writer_text(&writer, b',"kong":')
    writer_span(&writer, node)
    writer_text(&writer, b',"request":{"method":"')
    writer_text(&writer, llhttp_method_name(exchange.request.method))
    writer_text(&writer, b'","scheme":"https","host":' if exchange.is_https else b'","scheme":"http","host":')
    _put_text(&writer, span_of(exchange.host, exchange.host_len))
    writer_text(&writer, b',"port":')
    writer_number(&writer, exchange.client.port)
    writer_text(&writer, b',"path":')
    _put_text(&writer, exchange_path(exchange))
    writer_text(&writer, b',"query":')
    _put_query(&writer, query, room + size)
    writer_text(&writer, b',"headers":')
    _put_fields(&writer, &exchange.request, exchange.request_added.first)
    writer_text(&writer, b'},"matched_route":{"name":')
    _put_text(&writer, exchange.route.name)
    writer_text(&writer, b'},"matched_service":')
    if exchange.service == NULL:
        writer_text(&writer, b"null}")
    else:
        writer_text(&writer, b'{"name":')
        _put_text(&writer, exchange.service.name)
        writer_text(&writer, b"}}")
    return span_of(room, <size_t>(writer.at - room))

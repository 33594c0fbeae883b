"""A form's fields are read as a query's arguments are, an object's members as they stand."""

from fastgate._core.auth.json cimport (
    JSON_ARRAY,
    JSON_OBJECT,
    json_member_t,
    json_raw_eq,
    json_unescape,
    json_walk_next,
    json_walk_open,
    json_walk_t,
)
from fastgate._core.base.span cimport span_none, span_of
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.http.query cimport query_arg_t, query_count, query_decode
from fastgate._core.http.query_edit cimport query_remove
from fastgate._core.plugin.body_object cimport (
    BODY_FORM,
    BODY_JSON,
    body_kind,
    body_kind_t,
    members_find,
    members_read,
    members_remove,
    members_t,
    members_write,
)
from fastgate._core.proxy.collect cimport collect_replace, collect_text
from fastgate._core.proxy.exchange cimport exchange_take


cdef status_t _in_form(exchange_t *exchange, span_t name, span_t *key_out, unsigned *count_out) noexcept nogil:
    cdef query_arg_t arg
    cdef unsigned count = query_count(collect_text(exchange), name, &arg)
    cdef char *room
    if count == 0 or count == 1 and not arg.has_value:
        return OK
    room = <char *>exchange_take(exchange, arg.value.len + 1)
    if room == NULL:
        return NO_MEMORY
    key_out[0] = query_decode(arg.value, room)
    count_out[0] = count
    return OK


cdef status_t _in_object(exchange_t *exchange, span_t name, span_t *key_out, unsigned *count_out) noexcept nogil:
    cdef span_t body = collect_text(exchange), value = span_none()
    cdef json_walk_t walk
    cdef json_member_t member
    cdef unsigned count = 0
    cdef char *room
    if body.len == 0:
        return OK
    json_walk_open(&walk, body)
    while json_walk_next(&walk, &member):
        if json_raw_eq(member.name, name):
            value = member.value
            count += 2 if member.type == JSON_ARRAY or member.type == JSON_OBJECT else 1
    if walk.status != OK:
        return MALFORMED
    if count == 0 or count == 1 and value.at[0] != c'"':
        return OK                       # a number or the like is no key (as in Kong)
    room = <char *>exchange_take(exchange, value.len)
    if room == NULL:
        return NO_MEMORY
    if value.at[0] == c'"':
        key_out[0] = json_unescape(span_of(value.at + 1, value.len - 2), room)
    count_out[0] = count
    return OK


cdef status_t key_in_body(exchange_t *exchange, span_t name, span_t *key_out, unsigned *count_out) noexcept nogil:
    cdef body_kind_t kind = body_kind(exchange)
    count_out[0] = 0
    if kind == BODY_FORM:
        return _in_form(exchange, name, key_out, count_out)
    return _in_object(exchange, name, key_out, count_out) if kind == BODY_JSON else OK


cdef span_t _form_without(exchange_t *exchange, span_t name) noexcept nogil:
    """.at NULL: no memory."""
    cdef span_t body = collect_text(exchange)
    cdef writer_t writer
    cdef char *room = <char *>exchange_take(exchange, body.len + 1)
    if room == NULL:
        return span_none()
    writer_open(&writer, room, body.len + 1)
    query_remove(body, name, &writer)
    return span_of(room, <size_t>(writer.at - writer.start))


cdef status_t key_hide_in_body(exchange_t *exchange, span_t name) noexcept nogil:
    cdef body_kind_t kind = body_kind(exchange)
    cdef members_t members
    cdef query_arg_t arg
    cdef span_t text = span_none()
    cdef status_t status = OK
    if kind == BODY_FORM and query_count(collect_text(exchange), name, &arg):
        text = _form_without(exchange, name)
    elif kind == BODY_JSON:
        status = members_read(&members, exchange, collect_text(exchange), 0)
        if status == MALFORMED or status == OK and members_find(&members, name) == NULL:
            return OK
        if status == OK:
            members_remove(&members, name)
            status = members_write(&members, exchange, &text)
    else:
        return OK
    if status != OK:
        return status
    return OK if text.at != NULL and collect_replace(exchange, text) else NO_MEMORY

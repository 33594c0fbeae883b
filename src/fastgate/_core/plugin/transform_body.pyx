"""New values are JSON texts. Append makes a list of what was there and the new value."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_none, span_of, span_t, span_trim
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK, TOO_LARGE
from fastgate._core.base.writer cimport writer_open, writer_put, writer_span, writer_t, writer_text
from fastgate._core.http.query cimport query_arg_t, query_count
from fastgate._core.observe.escape cimport ESCAPE_MAX, escape_json
from fastgate._core.plugin.body_object cimport (
    BODY_FORM,
    BODY_JSON,
    body_kind,
    body_kind_t,
    member_t,
    members_find,
    members_read,
    members_remove,
    members_t,
    members_write,
)
from fastgate._core.plugin.edit cimport VERB_ADD, VERB_APPEND, VERB_REMOVE, VERB_RENAME, VERB_REPLACE, edit_t
from fastgate._core.plugin.edit_query cimport edit_query
from fastgate._core.plugin.edit_render cimport edits_render
from fastgate._core.proxy.collect cimport collect_replace, collect_text
from fastgate._core.proxy.exchange cimport exchange_take


cdef enum:
    ESCAPED = 3                     # bytes that one byte of a name may become in a form


# --- a form

cdef size_t _room(const edits_t *edits, const span_t *values, span_t body) noexcept nogil:
    """As much as any step of the edits may need."""
    cdef size_t size = body.len + 1
    cdef const edit_t *edit
    cdef query_arg_t arg
    cdef uint32_t i
    for i in range(edits.n_edits):
        edit = &edits.edits[i]
        size += ESCAPED * edit.name.len + values[i].len + 2
        if edit.verb == VERB_RENAME:
            size += (query_count(body, edit.name, &arg) + 1) * ESCAPED * edit.new.len
    return size


cdef status_t _transform_form(const edits_t *edits, const span_t *values, exchange_t *exchange) noexcept nogil:
    """Each change writes into the room that the one before did not use."""
    cdef span_t body = collect_text(exchange)
    cdef size_t size = _room(edits, values, body)
    cdef char *room = <char *>exchange_take(exchange, 2 * size)
    cdef bint is_second = False
    cdef writer_t writer
    cdef uint32_t i
    if room == NULL:
        return NO_MEMORY
    for i in range(edits.n_edits):
        writer_open(&writer, room + (size if is_second else 0), size)
        if not edit_query(&edits.edits[i], values[i], body, &writer):
            continue
        if writer.is_full:
            return TOO_LARGE            # renamed to what was renamed before
        body = span_of(writer.start, <size_t>(writer.at - writer.start))
        is_second = not is_second
    return OK if collect_replace(exchange, body) else NO_MEMORY


# --- a JSON object

cdef status_t _quote(exchange_t *exchange, span_t text, span_t *quoted_out) noexcept nogil:
    cdef char *room = <char *>exchange_take(exchange, ESCAPE_MAX * text.len + 2)
    cdef char *end
    if room == NULL:
        return NO_MEMORY
    room[0] = c'"'
    end = escape_json(room + 1, text)
    end[0] = c'"'
    quoted_out[0] = span_of(room, <size_t>(end - room) + 1)
    return OK


cdef status_t _listed(exchange_t *exchange, span_t old, span_t value, span_t *list_out) noexcept nogil:
    """`old` with the value behind it."""
    cdef size_t size = old.len + value.len + 3
    cdef char *room = <char *>exchange_take(exchange, size)
    cdef span_t inner
    cdef writer_t writer
    if room == NULL:
        return NO_MEMORY
    writer_open(&writer, room, size)
    writer_text(&writer, b"[")
    if old.at[0] == c'[':
        inner = span_trim(span_of(old.at + 1, old.len - 2))
        writer_put(&writer, old.at + 1, old.len - 2)
        if inner.len and not _is_blank(inner):
            writer_text(&writer, b",")
    else:
        writer_span(&writer, old)
        writer_text(&writer, b",")
    writer_span(&writer, value)
    writer_text(&writer, b"]")
    list_out[0] = span_of(room, <size_t>(writer.at - writer.start))
    return OK


cdef bint _is_blank(span_t text) noexcept nogil:
    cdef size_t i
    for i in range(text.len):
        if text.at[i] != c'\n' and text.at[i] != c'\r' and text.at[i] != c' ' and text.at[i] != c'\t':
            return False
    return True


cdef status_t _put_member(members_t *members, exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    """Behind the others; members_read was told of it."""
    cdef member_t *member = &members.members[members.n_members]
    cdef span_t quoted
    if _quote(exchange, name, &quoted) != OK:
        return NO_MEMORY
    member.name = span_of(quoted.at + 1, quoted.len - 2)
    member.value = value
    members.n_members += 1
    return OK


cdef status_t _edit(const edit_t *edit, span_t value, members_t *members, exchange_t *exchange) noexcept nogil:
    cdef member_t *member = members_find(members, edit.name)
    cdef span_t quoted = span_none()
    if edit.verb == VERB_REMOVE:
        members_remove(members, edit.name)
        return OK
    if edit.verb == VERB_RENAME:
        if member == NULL:
            return OK
        value = member.value
        members_remove(members, edit.name)
        members_remove(members, edit.new)
        return _put_member(members, exchange, edit.new, value)
    if edit.verb == VERB_REPLACE and member == NULL or edit.verb == VERB_ADD and member != NULL:
        return OK
    if edit.verb != VERB_REPLACE and value.len == 0:
        return OK
    if _quote(exchange, value, &quoted) != OK:
        return NO_MEMORY
    if edit.verb == VERB_REPLACE:
        member.value = quoted
        return OK
    if edit.verb == VERB_APPEND and member != NULL:
        return _listed(exchange, member.value, quoted, &member.value)
    if edit.verb == VERB_APPEND and _listed(exchange, span_of(b"[]", 2), quoted, &quoted) != OK:
        return NO_MEMORY
    return _put_member(members, exchange, edit.name, quoted)


cdef status_t _transform_object(const edits_t *edits, const span_t *values, exchange_t *exchange) noexcept nogil:
    cdef members_t members
    cdef status_t status = members_read(&members, exchange, edits.n_edits)
    cdef span_t text = span_none()
    cdef uint32_t i
    if status == MALFORMED:
        return OK
    for i in range(edits.n_edits):
        if status == OK:
            status = _edit(&edits.edits[i], values[i], &members, exchange)
    if status == OK:
        status = members_write(&members, exchange, &text)
    if status != OK:
        return status
    return OK if collect_replace(exchange, text) else NO_MEMORY


cdef status_t transform_body(const edits_t *form, const edits_t *members, exchange_t *exchange) noexcept nogil:
    cdef body_kind_t kind = body_kind(exchange)
    cdef const edits_t *edits = form if kind == BODY_FORM else members
    cdef span_t *values
    cdef status_t status
    if kind == BODY_FORM or kind == BODY_JSON:
        status = edits_render(edits, exchange, &values)
        if status != OK:
            return status
        return _transform_form(edits, values, exchange) if kind == BODY_FORM else _transform_object(edits, values, exchange)
    return OK

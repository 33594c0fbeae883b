"""New values are JSON texts. Append makes a list of what was there and the new value."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport NO_MEMORY, OK, status_t
from fastgate._core.base.writer cimport writer_open, writer_put, writer_span, writer_t, writer_text
from fastgate._core.observe.escape cimport ESCAPE_MAX, escape_json
from fastgate._core.plugin.body_object cimport (
    member_t,
    members_find,
    members_read,
    members_remove,
    members_t,
    members_write,
)
from fastgate._core.plugin.edit cimport VERB_ADD, VERB_APPEND, VERB_REMOVE, VERB_RENAME, VERB_REPLACE, edit_t
from fastgate._core.proxy.exchange cimport exchange_take


cdef bint quote_json(exchange_t *exchange, span_t text, span_t *quoted_out) noexcept nogil:
    cdef char *room = <char *>exchange_take(exchange, ESCAPE_MAX * text.len + 2)
    cdef char *end
    if room == NULL:
        return False
    room[0] = c'"'
    end = escape_json(room + 1, text)
    end[0] = c'"'
    quoted_out[0] = span_of(room, <size_t>(end - room) + 1)
    return True


cdef bint _is_blank(span_t text) noexcept nogil:
    cdef size_t i
    for i in range(text.len):
        if text.at[i] != c'\n' and text.at[i] != c'\r' and text.at[i] != c' ' and text.at[i] != c'\t':
            return False
    return True


cdef status_t _listed(exchange_t *exchange, span_t old, span_t value, span_t *list_out) noexcept nogil:
    """`old` with the value behind it."""
    cdef size_t size = old.len + value.len + 3
    cdef char *room = <char *>exchange_take(exchange, size)
    cdef writer_t writer
    if room == NULL:
        return NO_MEMORY
    writer_open(&writer, room, size)
    writer_text(&writer, b"[")
    if old.at[0] == c'[':
        writer_put(&writer, old.at + 1, old.len - 2)
        if not _is_blank(span_of(old.at + 1, old.len - 2)):
            writer_text(&writer, b",")
    else:
        writer_span(&writer, old)
        writer_text(&writer, b",")
    writer_span(&writer, value)
    writer_text(&writer, b"]")
    list_out[0] = span_of(room, <size_t>(writer.at - writer.start))
    return OK


cdef status_t _put_member(members_t *members, exchange_t *exchange, span_t name, span_t value) noexcept nogil:
    """Behind the others; members_read was told of it."""
    cdef member_t *member = &members.members[members.n_members]
    cdef span_t quoted
    if not quote_json(exchange, name, &quoted):
        return NO_MEMORY
    member.name = span_of(quoted.at + 1, quoted.len - 2)
    member.value = value
    members.n_members += 1
    return OK


cdef status_t _edit(const edit_t *edit, span_t value, members_t *members, exchange_t *exchange) noexcept nogil:
    cdef member_t *member = members_find(members, edit.name)
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
    if value.len == 0 or edit.verb == VERB_REPLACE and member == NULL or edit.verb == VERB_ADD and member != NULL:
        return OK
    if edit.verb == VERB_REPLACE:
        member.value = value
        return OK
    if edit.verb == VERB_APPEND and member != NULL:
        return _listed(exchange, member.value, value, &member.value)
    if edit.verb == VERB_APPEND and _listed(exchange, span_of(b"[]", 2), value, &value) != OK:
        return NO_MEMORY
    return _put_member(members, exchange, edit.name, value)


cdef status_t edit_object(const edits_t *edits, const span_t *values, exchange_t *exchange, span_t text,
                          span_t *text_out) noexcept nogil:
    cdef members_t members
    cdef status_t status = members_read(&members, exchange, text, edits.n_edits)
    cdef uint32_t i
    for i in range(edits.n_edits):
        if status == OK:
            status = _edit(&edits.edits[i], values[i], &members, exchange)
    return members_write(&members, exchange, text_out) if status == OK else status

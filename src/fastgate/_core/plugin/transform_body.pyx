"""Request bodies, changed by request-transformer: forms as queries are, objects member by member."""

from libc.stdint cimport uint32_t

from fastgate._core.base.span cimport span_none, span_of, span_t
from fastgate._core.base.status cimport MALFORMED, NO_MEMORY, OK, TOO_LARGE
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.http.query cimport query_arg_t, query_count
from fastgate._core.plugin.body_object cimport BODY_FORM, BODY_JSON, body_kind, body_kind_t
from fastgate._core.plugin.edit cimport VERB_RENAME, VERB_REPLACE, edit_t
from fastgate._core.plugin.edit_object cimport edit_object, quote_json
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
    if body.at == collect_text(exchange).at:
        return OK                       # nothing fits: what replaces a body may not lie in it
    return OK if collect_replace(exchange, body) else NO_MEMORY


# --- a JSON object

cdef status_t _transform_object(const edits_t *edits, span_t *values, exchange_t *exchange) noexcept nogil:
    cdef span_t text = span_none()
    cdef status_t status
    cdef uint32_t i
    for i in range(edits.n_edits):
        # An empty text replaces, and is not added (as Kong's).
        if (values[i].len or edits.edits[i].verb == VERB_REPLACE) and not quote_json(exchange, values[i], &values[i]):
            return NO_MEMORY
    status = edit_object(edits, values, exchange, collect_text(exchange), &text)
    if status == MALFORMED:
        return OK
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

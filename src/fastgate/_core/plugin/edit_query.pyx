"""From verbs to what http/query_edit does."""

from fastgate._core.http.query_edit cimport query_append, query_has, query_remove, query_rename, query_replace
from fastgate._core.plugin.edit cimport VERB_ADD, VERB_APPEND, VERB_REMOVE, VERB_RENAME, VERB_REPLACE


cdef bint edit_query(const edit_t *edit, span_t value, span_t query, writer_t *writer) noexcept nogil:
    cdef bint is_there = edit.verb != VERB_APPEND and query_has(query, edit.name)
    if edit.verb == VERB_APPEND or edit.verb == VERB_ADD:
        if is_there or value.len == 0:
            return False
        query_append(query, edit.name, value, writer)
    elif not is_there:
        return False
    elif edit.verb == VERB_REMOVE:
        query_remove(query, edit.name, writer)
    elif edit.verb == VERB_RENAME:
        query_rename(query, edit.name, edit.new, writer)
    elif edit.verb == VERB_REPLACE:
        query_replace(query, edit.name, value, writer)
    return True

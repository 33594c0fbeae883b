"""response-transformer, when the head of an answer is there (priority 800)."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.plugin.edit cimport VERB_APPEND, VERB_REMOVE, VERB_RENAME, VERB_REPLACE, edit_t, edits_build
from fastgate._core.plugin.template cimport PLACE_PLAIN, template_text
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.policy cimport (
    policy_answer_add,
    policy_answer_drop,
    policy_answer_rename,
    policy_answer_value,
)
from fastgate._core.snapshot.keep cimport keep_room


cdef status_t _header_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const response_transformer_t *config = <const response_transformer_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const edit_t *edit
    cdef bint is_there
    cdef span_t value
    cdef unsigned i
    for i in range(config.fields.n_edits):
        edit = &config.fields.edits[i]
        if edit.verb == VERB_REMOVE:
            policy_answer_drop(exchange, edit.name)
            continue
        if edit.verb == VERB_RENAME:
            policy_answer_rename(exchange, edit.name, edit.new)
            continue
        is_there = edit.verb != VERB_APPEND and policy_answer_value(exchange, edit.name, &value)
        if edit.verb == VERB_REPLACE and is_there:
            policy_answer_drop(exchange, edit.name)
        if edit.verb == VERB_APPEND or is_there == (edit.verb == VERB_REPLACE):
            policy_answer_add(exchange, edit.name, template_text(&edit.value))
    return OK


cdef int response_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef response_transformer_t *kept = <response_transformer_t *>keep_room(&snapshot.arena, sizeof(response_transformer_t))
    edits_build(&kept.fields, &snapshot.arena, config, "headers", PLACE_PLAIN)
    plugin.header_filter = _header_filter
    plugin.config = kept
    return 0

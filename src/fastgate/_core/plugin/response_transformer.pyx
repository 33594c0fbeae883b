"""response-transformer (priority 800): fields when the head of an answer is there, JSON when its body is."""

import json
import math
import re

from libc.stdint cimport uint32_t

from fastgate._core.base.buffer cimport buffer_clear, buffer_put, buffer_span
from fastgate._core.base.span cimport span_t, span_text
from fastgate._core.base.status cimport MALFORMED, OK, TOO_LARGE, status_t
from fastgate._core.includes.llhttp cimport METHOD_HEAD
from fastgate._core.plugin.body_object cimport BODY_JSON, body_kind_of
from fastgate._core.plugin.edit cimport VERB_APPEND, VERB_REMOVE, VERB_RENAME, VERB_REPLACE, edit_t, edits_build
from fastgate._core.plugin.edit_object cimport edit_object
from fastgate._core.plugin.template cimport PLACE_PLAIN, template_text
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.proxy.policy cimport (
    policy_answer_add,
    policy_answer_drop,
    policy_answer_rename,
    policy_answer_replace,
    policy_answer_value,
    policy_request_drop,
)
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED, TEXT_TOO_LARGE_FOR_PLUGIN
from fastgate._core.proxy.withhold cimport withhold_body, withhold_fail, withhold_is_on
from fastgate._core.snapshot.keep cimport keep_room


# They speak of the very bytes of a body: of another they are wrong.
cdef const char **OF_THE_BYTES = [
    b"ETag", b"Content-MD5", b"Digest", b"Content-Digest", b"Repr-Digest", b"Accept-Ranges", NULL,
]


cdef bint _is_json(exchange_t *exchange) noexcept nogil:
    cdef span_t type
    return policy_answer_value(exchange, span_text(b"Content-Type"), &type) and body_kind_of(type) == BODY_JSON


cdef bint _is_status(const exchange_t *exchange, unsigned status) noexcept nogil:
    """Of a withheld answer, whatever filters have made of it."""
    return exchange.withheld.status == status or not exchange.withheld.is_own and exchange.answer.status == status


cdef bint _may_change(exchange_t *exchange) noexcept nogil:
    """A part is no object of its own (RFC 9110 section 15.3.7)."""
    return _is_json(exchange) and not _is_status(exchange, 206)


cdef void _drop_of_the_bytes(exchange_t *exchange) noexcept nogil:
    cdef unsigned i = 0
    while OF_THE_BYTES[i] != NULL:
        policy_answer_drop(exchange, span_text(OF_THE_BYTES[i]))
        i += 1


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    """Only where there are members to change: those of a part could not be."""
    policy_request_drop(<exchange_t *>subject, span_text(b"Range"))
    policy_request_drop(<exchange_t *>subject, span_text(b"If-Range"))
    return OK


cdef status_t _body_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const response_transformer_t *config = <const response_transformer_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t text = buffer_span(&exchange.withheld.body)
    cdef status_t status
    if config.members.n_edits == 0 or not _may_change(exchange):
        return OK
    if exchange.withheld.is_too_large:
        return withhold_fail(exchange, 502, span_text(TEXT_TOO_LARGE_FOR_PLUGIN))
    if text.len == 0:
        return OK
    status = edit_object(&config.members, config.values, exchange, text, &text)
    if status == MALFORMED:
        return OK                           # as it came: a list, say, or compressed
    if status == TOO_LARGE:
        return withhold_fail(exchange, 502, span_text(TEXT_TOO_LARGE_FOR_PLUGIN))
    buffer_clear(&exchange.withheld.body)
    if status != OK or not buffer_put(&exchange.withheld.body, text.at, text.len):
        return withhold_fail(exchange, 503, span_text(TEXT_OVERLOADED))
    _drop_of_the_bytes(exchange)
    return OK


cdef status_t _header_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const response_transformer_t *config = <const response_transformer_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef bint is_of_another = False         # HEAD: of an answer to GET, the body of which will be another
    cdef const edit_t *edit
    cdef span_t value
    cdef unsigned i
    if config.members.n_edits and withhold_is_on(exchange) and _may_change(exchange):
        withhold_body(exchange)
        is_of_another = exchange.request.method == METHOD_HEAD and not _is_status(exchange, 304)
    for i in range(config.fields.n_edits):
        edit = &config.fields.edits[i]
        if edit.verb == VERB_REMOVE:
            policy_answer_drop(exchange, edit.name)
        elif edit.verb == VERB_RENAME:
            policy_answer_rename(exchange, edit.name, edit.new)
        elif edit.verb == VERB_REPLACE:
            policy_answer_replace(exchange, edit.name, template_text(&edit.value))
        elif edit.verb == VERB_APPEND or not policy_answer_value(exchange, edit.name, &value):
            policy_answer_add(exchange, edit.name, template_text(&edit.value))
    if is_of_another:
        _drop_of_the_bytes(exchange)
    return OK


cdef str _json_text(str value, str type):
    """As Kong casts it. Empty: it is no number."""
    if type == "boolean":
        return "true" if value == "true" else "false"
    if type == "string":
        return json.dumps(value, ensure_ascii=False)
    if re.fullmatch(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?", value):
        return value
    try:
        number = float(value)
    except ValueError:
        return ""
    return json.dumps(number) if math.isfinite(number) else ""


cdef int _build_members(response_transformer_t *kept, snapshot_t *snapshot, dict config) except -1:
    cdef dict wanted = {verb: {"json": config[verb]["json"]} for verb in ("remove", "rename")}
    cdef uint32_t i
    for verb in ("replace", "add", "append"):
        types = config[verb]["json_types"]
        texts = []
        for at, pair in enumerate(config[verb]["json"]):
            name, _, value = pair.partition(":")
            if value:
                value = _json_text(value, types[at] if at < len(types) else "string")
            texts.append(f"{name}:{value}")
        wanted[verb] = {"json": texts}
    edits_build(&kept.members, &snapshot.arena, wanted, "json", PLACE_PLAIN)
    kept.values = <span_t *>keep_room(&snapshot.arena, kept.members.n_edits * sizeof(span_t))
    for i in range(kept.members.n_edits):
        if kept.members.edits[i].verb != VERB_REMOVE and kept.members.edits[i].verb != VERB_RENAME:
            kept.values[i] = template_text(&kept.members.edits[i].value)
    return 0


cdef int response_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef response_transformer_t *kept = <response_transformer_t *>keep_room(&snapshot.arena, sizeof(response_transformer_t))
    edits_build(&kept.fields, &snapshot.arena, config, "headers", PLACE_PLAIN)
    _build_members(kept, snapshot, config)
    plugin.header_filter = _header_filter
    if kept.members.n_edits:
        plugin.access = _access
        plugin.body_filter = _body_filter
        plugin.withholds = True
    plugin.config = kept
    return 0

"""request-transformer, behind those who know who asks (priority 801)."""

from libc.string cimport memcpy

from fastgate._core.base.span cimport span_ieq, span_none, span_of, span_t, span_text
from fastgate._core.base.status cimport DONE, NO_MEMORY, OK, TOO_LARGE, status_t
from fastgate._core.base.writer cimport writer_open, writer_t, writer_text
from fastgate._core.http.query_edit cimport query_append, query_has, query_remove, query_rename, query_replace
from fastgate._core.http.uri cimport HOST_MAX_BYTES, host_parse, host_t, uri_normalise
from fastgate._core.plugin.edit cimport (
    VERB_ADD,
    VERB_APPEND,
    VERB_REMOVE,
    VERB_RENAME,
    VERB_REPLACE,
    edit_t,
    edits_build,
    edits_t,
)
from fastgate._core.plugin.template cimport (
    PLACE_FIELD,
    PLACE_PATH,
    PLACE_QUERY,
    template_build,
    template_render,
    template_t,
    template_text,
)
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_query, exchange_t, exchange_take
from fastgate._core.proxy.policy cimport (
    policy_refuse,
    policy_request_add,
    policy_request_drop,
    policy_request_has,
    policy_request_rename,
)
from fastgate._core.proxy.reply cimport (
    TEXT_BAD_REQUEST,
    TEXT_HEAD_TOO_LARGE,
    TEXT_OVERLOADED,
    TEXT_URI_TOO_LONG,
)
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room
from fastgate._core.snapshot.routes_builder import METHODS

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    ROOM_BYTES = LANE_OUTPUT_BYTES // 2     # lane.output, in two halves


# --- values

cdef status_t _keep(exchange_t *exchange, span_t text, span_t *kept_out) noexcept nogil:
    cdef char *room = <char *>exchange_take(exchange, text.len)
    if room == NULL:
        return NO_MEMORY
    if text.len:
        memcpy(room, text.at, text.len)
    kept_out[0] = span_of(room, text.len)
    return OK


cdef status_t _render(const template_t *template, exchange_t *exchange, span_t *text_out) noexcept nogil:
    """OK, NO_MEMORY or TOO_LARGE."""
    cdef writer_t writer
    if template.is_literal:
        text_out[0] = template_text(template)
        return OK
    writer_open(&writer, exchange.lane.output, ROOM_BYTES)
    template_render(template, exchange, &writer)
    if writer.is_full:
        return TOO_LARGE
    return _keep(exchange, span_of(writer.start, <size_t>(writer.at - writer.start)), text_out)


cdef status_t _render_all(const edits_t *edits, exchange_t *exchange, span_t **values_out) noexcept nogil:
    """A value for each edit. Together they may be as large as a head."""
    cdef span_t *values = <span_t *>exchange_take(exchange, edits.n_edits * sizeof(span_t))
    cdef size_t total = 0
    cdef status_t status
    cdef unsigned i
    if values == NULL:
        return NO_MEMORY
    values_out[0] = values
    for i in range(edits.n_edits):
        status = _render(&edits.edits[i].value, exchange, &values[i])
        total += values[i].len
        if status != OK or total > LANE_OUTPUT_BYTES:
            return status if status != OK else TOO_LARGE
    return OK


# --- changes

cdef void _change_fields(const edits_t *edits, const span_t *values, exchange_t *exchange) noexcept nogil:
    cdef const edit_t *edit
    cdef unsigned i
    for i in range(edits.n_edits):
        edit = &edits.edits[i]
        if edit.verb == VERB_REMOVE:
            policy_request_drop(exchange, edit.name)
        elif edit.verb == VERB_RENAME:
            policy_request_rename(exchange, edit.name, edit.new)
        elif edit.verb == VERB_REPLACE:
            if policy_request_has(exchange, edit.name):
                policy_request_drop(exchange, edit.name)
                policy_request_add(exchange, edit.name, values[i])
        elif values[i].len and (edit.verb == VERB_APPEND or not policy_request_has(exchange, edit.name)):
            policy_request_add(exchange, edit.name, values[i])


cdef bint _change_query(const edit_t *edit, span_t value, span_t query, writer_t *writer) noexcept nogil:
    """False: there is nothing to change."""
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


cdef status_t _change_arguments(const edits_t *edits, const span_t *values, exchange_t *exchange) noexcept nogil:
    """Each change writes into the half of lane.output that the one before did not use."""
    cdef span_t query = exchange_query(exchange) if exchange.has_query else span_none()
    cdef bint is_changed = False, is_second = False
    cdef writer_t writer
    cdef unsigned i
    for i in range(edits.n_edits):
        writer_open(&writer, exchange.lane.output + (ROOM_BYTES if is_second else 0), ROOM_BYTES)
        if not _change_query(&edits.edits[i], values[i], query, &writer):
            continue
        if writer.is_full:
            return TOO_LARGE
        query = span_of(writer.start, <size_t>(writer.at - writer.start))
        is_second = not is_second
        is_changed = True
    if not is_changed:
        return OK
    exchange.has_query = query.len > 0
    return _keep(exchange, query, &exchange.query_edited)


cdef bint _has_dot_segment(span_t path) noexcept nogil:
    """A path that starts with "/". No dot is escaped in one that template_render made."""
    cdef size_t i, start = 1
    for i in range(1, path.len + 1):
        if i < path.len and path.at[i] != c'/':
            continue
        if i - start == 1 and path.at[start] == c'.':
            return True
        if i - start == 2 and path.at[start] == c'.' and path.at[start + 1] == c'.':
            return True
        start = i + 1
    return False


cdef status_t _change_path(const request_transformer_t *config, exchange_t *exchange) noexcept nogil:
    """OK; DONE: refused, for what the request put in would lead elsewhere; NO_MEMORY, TOO_LARGE."""
    cdef char *room = exchange.lane.output
    cdef span_t path
    cdef writer_t writer
    if config.plain_path.len:
        exchange.path_edited = config.plain_path
        return OK
    writer_open(&writer, room + 1, ROOM_BYTES - 1)
    template_render(&config.path, exchange, &writer)
    if writer.is_full:
        return TOO_LARGE
    path = span_of(room + 1, <size_t>(writer.at - writer.start))
    if path.len == 0:
        return OK                       # nothing there to send it to: where it was going
    if path.at[0] != c'/':
        room[0] = c'/'
        path = span_of(room, path.len + 1)
    if _has_dot_segment(path):
        return policy_refuse(exchange, 400, span_text(TEXT_BAD_REQUEST))
    if uri_normalise(path, room + ROOM_BYTES, ROOM_BYTES, &path) != OK:
        return TOO_LARGE
    return _keep(exchange, path, &exchange.path_edited)


cdef status_t _change_host(const template_t *host, exchange_t *exchange) noexcept nogil:
    """OK; DONE: refused, for it would be no host; NO_MEMORY, TOO_LARGE."""
    cdef char room[HOST_MAX_BYTES]
    cdef host_t parsed
    cdef span_t text
    cdef status_t status = _render(host, exchange, &text)
    if status != OK or text.len == 0:
        return status
    if host_parse(text, room, HOST_MAX_BYTES, &parsed) != OK:
        return policy_refuse(exchange, 400, span_text(TEXT_BAD_REQUEST))
    exchange.host_edited = text
    return OK


# --- together

cdef status_t _told(exchange_t *exchange, status_t status, unsigned refusal, const char *text) noexcept nogil:
    if status == TOO_LARGE:
        return policy_refuse(exchange, refusal, span_text(text))
    if status == NO_MEMORY:
        return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
    return status


cdef status_t _change_target(const request_transformer_t *config, exchange_t *exchange) noexcept nogil:
    cdef status_t status = OK
    cdef span_t *values
    if config.arguments.n_edits:
        status = _render_all(&config.arguments, exchange, &values)
        if status == OK and config.has_path:
            status = _change_path(config, exchange)     # its templates see the query as it came
        if status == OK:
            status = _change_arguments(&config.arguments, values, exchange)
    elif config.has_path:
        status = _change_path(config, exchange)
    return status


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const request_transformer_t *config = <const request_transformer_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef span_t *values = NULL
    cdef status_t status = OK
    if config.host != NULL:
        status = _change_host(config.host, exchange)
    if status == OK and config.fields.n_edits:
        status = _render_all(&config.fields, exchange, &values)
    if status != OK:
        return _told(exchange, status, 431, TEXT_HEAD_TOO_LARGE)
    status = _change_target(config, exchange)
    if status != OK:
        return _told(exchange, status, 414, TEXT_URI_TOO_LONG)
    if values != NULL:
        _change_fields(&config.fields, values, exchange)
    if config.has_method and not exchange.is_upgrade:   # a handshake is a GET, whatever it asks for
        exchange.upstream_method = config.method
    return DONE if status == DONE else OK


# --- build

cdef int _build_path(request_transformer_t *kept, snapshot_t *snapshot, str uri) except -1:
    cdef bytes room = b"\0" * (3 * len(uri.encode()))
    cdef span_t normal
    kept.has_path = True
    template_build(&kept.path, &snapshot.arena, uri, PLACE_PATH)
    if kept.path.is_literal:
        if uri_normalise(template_text(&kept.path), <char *>room, <size_t>len(room), &normal) != OK:
            raise SnapshotError('plugin "request-transformer"', "replace.uri", 'a path starts with "/"')
        keep_bytes(&snapshot.arena, normal.at[:normal.len], &kept.plain_path)
    return 0


cdef int _build_host(request_transformer_t *kept) except -1:
    """The last edit that replaces Host."""
    cdef char room[HOST_MAX_BYTES]
    cdef host_t parsed
    cdef edit_t *edit
    cdef unsigned i
    for i in range(kept.fields.n_edits):
        edit = &kept.fields.edits[i]
        if edit.verb == VERB_REPLACE and span_ieq(edit.name, span_text(b"host")):
            kept.host = &edit.value
            if edit.value.is_literal and host_parse(template_text(&edit.value), room, HOST_MAX_BYTES, &parsed) != OK:
                raise SnapshotError(
                    'plugin "request-transformer"', "replace.headers", "the value for Host is no host name or address"
                )
    return 0


cdef int request_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef request_transformer_t *kept = <request_transformer_t *>keep_room(&snapshot.arena, sizeof(request_transformer_t))
    cdef object method = config["http_method"]
    edits_build(&kept.fields, &snapshot.arena, config, "headers", PLACE_FIELD)
    edits_build(&kept.arguments, &snapshot.arena, config, "querystring", PLACE_QUERY)
    _build_host(kept)
    if config["replace"]["uri"] is not None:
        _build_path(kept, snapshot, config["replace"]["uri"])
    if method is not None:
        if method not in METHODS:
            raise SnapshotError('plugin "request-transformer"', "http_method", f'"{method}" is no method that the gateway knows')
        kept.method = METHODS.index(method)
        kept.has_method = True
    plugin.access = _access
    plugin.config = kept
    plugin.wants_match = kept.fields.wants_match or kept.arguments.wants_match or kept.path.wants_match
    return 0

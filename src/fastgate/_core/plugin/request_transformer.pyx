"""request-transformer, behind those who know who asks (priority 801)."""

from fastgate._core.base.span cimport span_ieq, span_none, span_of, span_t, span_text
from fastgate._core.base.status cimport DONE, NO_MEMORY, OK, TOO_LARGE, status_t
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.http.uri cimport HOST_MAX_BYTES, host_parse, host_t, uri_normalise
from fastgate._core.plugin.body_object cimport BODY_OTHER, body_kind
from fastgate._core.plugin.edit cimport (
    VERB_APPEND,
    VERB_REMOVE,
    VERB_RENAME,
    VERB_REPLACE,
    edit_t,
    edits_build,
    edits_t,
)
from fastgate._core.plugin.edit_query cimport edit_query
from fastgate._core.plugin.edit_render cimport RENDER_BYTES, edits_render, template_keep, text_keep
from fastgate._core.plugin.template cimport (
    PLACE_FIELD,
    PLACE_PATH,
    PLACE_QUERY,
    template_build,
    template_render,
    template_t,
    template_text,
)
from fastgate._core.plugin.transform_body cimport transform_body
from fastgate._core.proxy.collect cimport collect_body
from fastgate._core.proxy.exchange cimport exchange_query, exchange_t
from fastgate._core.proxy.policy cimport (
    policy_refuse,
    policy_request_add,
    policy_request_drop,
    policy_request_has,
    policy_request_rename,
    policy_request_replace,
)
from fastgate._core.proxy.reply cimport (
    TEXT_BAD_REQUEST,
    TEXT_BODY_TOO_LARGE,
    TEXT_HEAD_TOO_LARGE,
    TEXT_OVERLOADED,
    TEXT_URI_TOO_LONG,
)
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room
from fastgate._core.snapshot.routes_builder import METHODS

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    ROOM_BYTES = RENDER_BYTES               # lane.output, in two halves


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
            policy_request_replace(exchange, edit.name, values[i])
        elif values[i].len and (edit.verb == VERB_APPEND or not policy_request_has(exchange, edit.name)):
            policy_request_add(exchange, edit.name, values[i])


cdef bint _is_asterisk(const exchange_t *exchange) noexcept nogil:
    """OPTIONS of no path: neither a query nor another method goes with it (RFC 9112 section 3.2.4)."""
    return exchange.has_asterisk_target and exchange.path_edited.at == NULL


cdef status_t _change_arguments(const edits_t *edits, const span_t *values, exchange_t *exchange) noexcept nogil:
    """Each change writes into the half of lane.output that the one before did not use."""
    cdef span_t query = exchange_query(exchange) if exchange.has_query else span_none()
    cdef bint is_changed = False, is_second = False
    cdef writer_t writer
    cdef unsigned i
    for i in range(edits.n_edits):
        writer_open(&writer, exchange.lane.output + (ROOM_BYTES if is_second else 0), ROOM_BYTES)
        if not edit_query(&edits.edits[i], values[i], query, &writer):
            continue
        if writer.is_full:
            return TOO_LARGE
        query = span_of(writer.start, <size_t>(writer.at - writer.start))
        is_second = not is_second
        is_changed = True
    if not is_changed or _is_asterisk(exchange):
        return OK
    exchange.has_query = query.len > 0
    return text_keep(exchange, query, &exchange.query_edited)


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
    return text_keep(exchange, path, &exchange.path_edited)


cdef status_t _change_host(const template_t *host, exchange_t *exchange) noexcept nogil:
    """OK; DONE: refused, for it would be no host; NO_MEMORY, TOO_LARGE."""
    cdef char room[HOST_MAX_BYTES]
    cdef host_t parsed
    cdef span_t text
    cdef status_t status = template_keep(host, exchange, &text)
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
        status = edits_render(&config.arguments, exchange, &values)
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
    cdef bint has_body = config.form.n_edits and not exchange.is_upgrade and body_kind(exchange) != BODY_OTHER
    if has_body:                        # first: what follows may not be done twice
        status = collect_body(plugin, exchange, config.body_bytes)
        if status != OK:
            return status
    if config.host != NULL:
        status = _change_host(config.host, exchange)
    if status == OK and config.fields.n_edits:
        status = edits_render(&config.fields, exchange, &values)
    if status != OK:
        return _told(exchange, status, 431, TEXT_HEAD_TOO_LARGE)
    if has_body:
        status = transform_body(&config.form, &config.members, exchange)
        if status != OK:
            return _told(exchange, status, 413, TEXT_BODY_TOO_LARGE)
    status = _change_target(config, exchange)
    if status != OK:
        return _told(exchange, status, 414, TEXT_URI_TOO_LONG)
    if values != NULL:
        _change_fields(&config.fields, values, exchange)
    # A handshake is a GET, whatever it asks for.
    if config.has_method and not exchange.is_upgrade and not _is_asterisk(exchange):
        exchange.upstream_method = config.method
    return DONE if status == DONE else OK


# --- build

cdef int _build_path(request_transformer_t *kept, snapshot_t *snapshot, str uri) except -1:
    cdef bytes room = b"\0" * (3 * len(uri.encode()))
    cdef span_t normal
    kept.has_path = True
    template_build(&kept.path, &snapshot.arena, uri, PLACE_PATH)
    if not kept.path.has_parts:
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
            if not edit.value.has_parts and host_parse(template_text(&edit.value), room, HOST_MAX_BYTES, &parsed) != OK:
                raise SnapshotError(
                    'plugin "request-transformer"', "replace.headers", "the value for Host is no host name or address"
                )
    return 0


cdef int request_transformer_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef request_transformer_t *kept = <request_transformer_t *>keep_room(&snapshot.arena, sizeof(request_transformer_t))
    cdef object method = config["http_method"]
    edits_build(&kept.fields, &snapshot.arena, config, "headers", PLACE_FIELD)
    edits_build(&kept.arguments, &snapshot.arena, config, "querystring", PLACE_QUERY)
    edits_build(&kept.form, &snapshot.arena, config, "body", PLACE_QUERY)
    edits_build(&kept.members, &snapshot.arena, config, "body", PLACE_FIELD)
    kept.body_bytes = snapshot.settings.python_body_bytes
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
    plugin.wants_match = kept.fields.wants_match or kept.arguments.wants_match or kept.path.wants_match or kept.form.wants_match
    return 0

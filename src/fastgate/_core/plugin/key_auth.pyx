"""key-auth (priority 1250)."""

from libc.stdint cimport uint32_t
from libc.string cimport memchr

from fastgate._core.base.span cimport span_eq, span_ieq, span_none, span_of, span_t, span_text
from fastgate._core.base.status cimport NO_MEMORY, OK, TOO_LARGE, status_t
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.http.message cimport HEADER_DROPPED, header_name, header_t, header_value, message_t
from fastgate._core.http.query cimport query_arg_t, query_count, query_decode
from fastgate._core.http.query_edit cimport query_remove
from fastgate._core.plugin.authentication cimport (
    authentication_build,
    authentication_fail,
    authentication_is_skipped,
    authentication_succeed,
    credential_find,
    credential_has_ended,
    credential_t,
    credentials_build,
    secret_arg_keep,
)
from fastgate._core.plugin.body_object cimport BODY_OTHER, body_kind
from fastgate._core.plugin.key_in_body cimport key_hide_in_body, key_in_body
from fastgate._core.proxy.collect cimport collect_body
from fastgate._core.proxy.exchange cimport exchange_query, exchange_t, exchange_take
from fastgate._core.proxy.policy cimport policy_refuse, policy_request_drop
from fastgate._core.proxy.reply cimport TEXT_BODY_TOO_LARGE, TEXT_OVERLOADED
from fastgate._core.snapshot.keep cimport keep_room, keep_texts
from fastgate._core.snapshot.snapshot cimport CREDENTIALS_KEY


cdef const char *DUPLICATE = b"Duplicate API key found"
cdef const char *MISSING = b"No API key found in request"
cdef const char *UNKNOWN = b"Unauthorized"


cdef unsigned _in_header(const message_t *request, span_t name, span_t *key_out) noexcept nogil:
    """How many such fields there are; the first one's value."""
    cdef const header_t *header
    cdef unsigned i, count = 0
    for i in range(request.n_headers):
        header = &request.headers[i]
        if header.name_len != name.len or header.id == HEADER_DROPPED or not span_ieq(header_name(request, header), name):
            continue
        if count == 0:
            key_out[0] = header_value(request, header)
        count += 1
    return count


cdef unsigned _in_query(exchange_t *exchange, span_t name, span_t *key_out) noexcept nogil:
    """Likewise for arguments; one without "=" is none (as in Kong)."""
    cdef query_arg_t arg
    cdef unsigned count = query_count(exchange_query(exchange), name, &arg)
    cdef char *room
    if count == 0 or count == 1 and not arg.has_value:
        return 0
    key_out[0] = arg.value
    if memchr(arg.value.at, c'%', arg.value.len) != NULL or memchr(arg.value.at, c'+', arg.value.len) != NULL:
        room = <char *>exchange_take(exchange, arg.value.len)
        # No memory: no key, so nobody gets in.
        key_out[0] = query_decode(arg.value, room) if room != NULL else span_none()
    return count


cdef void _hide_field(const key_auth_t *config, exchange_t *exchange, span_t name) noexcept nogil:
    cdef uint32_t i
    policy_request_drop(exchange, name)
    for i in range(config.n_names):
        if config.hyphened[i].len and span_eq(config.names[i], name):
            policy_request_drop(exchange, config.hyphened[i])


cdef void _hide(const key_auth_t *config, exchange_t *exchange, span_t name) noexcept nogil:
    cdef span_t query = exchange_query(exchange)
    cdef query_arg_t arg
    cdef writer_t writer
    cdef char *room
    _hide_field(config, exchange, name)
    if not exchange.has_query or query_count(query, name, &arg) == 0:
        return
    room = <char *>exchange_take(exchange, query.len)
    if room != NULL:
        writer_open(&writer, room, query.len)
        query_remove(query, name, &writer)
        exchange.query_edited = span_of(room, <size_t>(writer.at - writer.start))
    else:
        exchange.query_edited = span_text(b"")      # rather no query than one with the key
    exchange.has_query = exchange.query_edited.len != 0


cdef status_t _look_in_body(const plugin_t *plugin, exchange_t *exchange, span_t *name_out, span_t *key_out,
                            unsigned *count_out) noexcept nogil:
    """Unless it was found before; then the body is only collected, for it may have to be changed. OK, or what to return."""
    cdef const key_auth_t *config = <const key_auth_t *>plugin.config
    cdef status_t status = collect_body(plugin, exchange, config.body_bytes)
    cdef uint32_t i = 0
    while status == OK and count_out[0] == 0 and i < config.n_names:
        name_out[0] = config.names[i]
        if key_in_body(exchange, name_out[0], key_out, count_out) == NO_MEMORY:     # what can't be read holds no key
            return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
        i += 1
    return status


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const key_auth_t *config = <const key_auth_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const credential_t *credential
    cdef span_t key = span_none(), name = span_none()
    cdef unsigned count = 0
    cdef status_t status
    cdef uint32_t i
    if authentication_is_skipped(&config.authentication, exchange):
        return OK
    for i in range(config.n_names):
        name = config.names[i]
        if config.in_header:
            count = _in_header(&exchange.request, name, &key)
            if count == 0 and config.hyphened[i].len:
                count = _in_header(&exchange.request, config.hyphened[i], &key)
        if count == 0 and config.in_query and exchange.has_query:
            count = _in_query(exchange, name, &key)
        if count:
            break
    if config.in_body and (count == 0 or config.hides) and body_kind(exchange) != BODY_OTHER:
        status = _look_in_body(plugin, exchange, &name, &key, &count)
        if status != OK:
            return status
    if count and config.hides:
        _hide(config, exchange, name)
        status = key_hide_in_body(exchange, name) if config.in_body else OK
        if status == TOO_LARGE:
            return policy_refuse(exchange, 413, span_text(TEXT_BODY_TOO_LARGE))
        if status != OK:
            return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
    if count > 1:
        return authentication_fail(&config.authentication, exchange, span_text(DUPLICATE))
    if key.len == 0:
        return authentication_fail(&config.authentication, exchange, span_text(MISSING))
    credential = credential_find(config.credentials, key)
    if credential == NULL or credential_has_ended(credential, exchange):
        return authentication_fail(&config.authentication, exchange, span_text(UNKNOWN))
    return authentication_succeed(exchange, credential, credential.id)


cdef int key_auth_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef key_auth_t *kept = <key_auth_t *>keep_room(&snapshot.arena, sizeof(key_auth_t))
    authentication_build(&kept.authentication, plugin, snapshot, "Key", config, context)
    kept.credentials = credentials_build(snapshot, CREDENTIALS_KEY, "keyauth_credentials", "key", context)
    kept.names = keep_texts(&snapshot.arena, config["key_names"], &kept.n_names)
    # As for Kong, foo_bar is foo-bar where there is no field foo_bar.
    hyphened = [name.replace("_", "-") if "_" in name else "" for name in config["key_names"]]
    kept.hyphened = keep_texts(&snapshot.arena, hyphened, &kept.n_names)
    for name in config["key_names"] if config["key_in_query"] else ():
        secret_arg_keep(snapshot, name)
    kept.in_header = config["key_in_header"]
    kept.in_query = config["key_in_query"]
    kept.in_body = config["key_in_body"]
    kept.body_bytes = snapshot.settings.python_body_bytes
    kept.hides = config["hide_credentials"]
    plugin.access = _access
    plugin.config = kept
    return 0

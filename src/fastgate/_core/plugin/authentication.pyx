"""The common part of authentication plugins."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.auth.key_index cimport KEY_NONE, key_index_find
from fastgate._core.base.span cimport span_eq, span_ieq, span_none, span_of, span_text, span_trim
from fastgate._core.base.status cimport OK
from fastgate._core.http.message cimport header_t, header_value, message_find_name
from fastgate._core.includes.llhttp cimport METHOD_OPTIONS
from fastgate._core.plugin.text_index cimport text_index_build
from fastgate._core.proxy.exchange cimport gate_wall_ns
from fastgate._core.proxy.policy cimport policy_answer_add, policy_authenticated, policy_refuse, policy_request_drop
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room, keep_text
from fastgate._core.snapshot.snapshot cimport secret_arg_t

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    UNAUTHORIZED = 401
    NS_PER_SECOND = 1000000000


NEVER_S = 1 << 34       # in the year 2514: as nanoseconds it still fits


# --- building

cdef int authentication_build(authentication_t *authentication, plugin_t *plugin, snapshot_t *snapshot, str scheme,
                              dict config, dict context) except -1:
    cdef uint32_t at
    realm = config.get("realm")
    if realm is not None:
        realm = realm.replace("\\", "\\\\").replace('"', '\\"')       # RFC 9110 section 5.6.4
        scheme = f'{scheme} realm="{realm}"'
    keep_text(&snapshot.arena, scheme, &authentication.challenge)
    authentication.skips_preflight = not config.get("run_on_preflight", True)
    if config["anonymous"] is not None:
        at = context["consumers"][config["anonymous"]]
        authentication.anonymous = &snapshot.consumers[at]
    plugin.authenticates = True
    return 0


cdef list credentials_of(str collection, dict context):
    return [(consumer, credential) for consumer in context["model"].consumers for credential in consumer[collection]]


cdef int _index(credential_table_t *table, snapshot_t *snapshot, list credentials, str key) except -1:
    cdef uint32_t twins[2]
    items = [(credential[key], place) for place, (_, credential) in enumerate(credentials)]
    if not text_index_build(&table.index, &snapshot.arena, items, twins):
        raise SnapshotError(f"consumer {credentials[twins[1]][0]['id']}", key, "another credential has the same")
    return 0


cdef credential_table_t *credentials_build(snapshot_t *snapshot, credentials_t kind, str collection, str key,
                                           dict context) except NULL:
    if snapshot.credentials[<unsigned>kind] == NULL:
        return _table(snapshot, kind, credentials_of(collection, context), key, context)
    return <credential_table_t *>snapshot.credentials[<unsigned>kind]


cdef credential_table_t *consumers_build(snapshot_t *snapshot, credentials_t kind, str field, dict context) except NULL:
    if snapshot.credentials[<unsigned>kind] == NULL:
        consumers = [(consumer, consumer) for consumer in context["model"].consumers if consumer[field]]
        return _table(snapshot, kind, consumers, field, context)
    return <credential_table_t *>snapshot.credentials[<unsigned>kind]


cdef credential_table_t *_table(snapshot_t *snapshot, credentials_t kind, list credentials, str key,
                                dict context) except NULL:
    cdef credential_table_t *table
    cdef credential_t *row
    cdef uint32_t at
    table = <credential_table_t *>keep_room(&snapshot.arena, sizeof(credential_table_t))
    table.rows = <credential_t *>keep_room(&snapshot.arena, len(credentials) * sizeof(credential_t))
    for consumer, credential in credentials:
        row = &table.rows[table.n_rows]
        at = context["consumers"][consumer["id"]]
        row.consumer = &snapshot.consumers[at]
        keep_text(&snapshot.arena, credential["id"], &row.id)
        if credential.get("ttl"):
            row.ends_at_ns = <uint64_t>min(credential["created_at"] + credential["ttl"], NEVER_S) * NS_PER_SECOND
        table.n_rows += 1
    _index(table, snapshot, credentials, key)
    snapshot.credentials[<unsigned>kind] = table
    return table


cdef int secret_arg_keep(snapshot_t *snapshot, str name) except -1:
    cdef secret_arg_t *kept = snapshot.secret_args
    cdef bytes text = name.encode()
    while kept != NULL:
        if span_eq(kept.name, span_of(<const char *>text, <size_t>len(text))):
            return 0
        kept = kept.next
    kept = <secret_arg_t *>keep_room(&snapshot.arena, sizeof(secret_arg_t))
    keep_bytes(&snapshot.arena, text, &kept.name)
    kept.next = snapshot.secret_args
    snapshot.secret_args = kept
    return 0


# --- a request

cdef bint scheme_credentials(const message_t *request, span_t field, span_t scheme, span_t *rest_out) noexcept nogil:
    """RFC 9110 section 11.4: the scheme in any case, then spaces."""
    cdef const header_t *first = message_find_name(request, field, 0)
    cdef span_t value
    if first == NULL or message_find_name(request, field, <unsigned>(first - request.headers) + 1) != NULL:
        return False
    value = header_value(request, first)
    if value.len <= scheme.len or value.at[scheme.len] != c' ' or not span_ieq(span_of(value.at, scheme.len), scheme):
        return False
    rest_out[0] = span_trim(span_of(value.at + scheme.len, value.len - scheme.len))
    return True


cdef void scheme_hide(exchange_t *exchange, span_t field, span_t scheme) noexcept nogil:
    cdef const header_t *header = message_find_name(&exchange.request, field, 0)
    cdef span_t value
    while header != NULL:
        value = header_value(&exchange.request, header)
        if value.len >= scheme.len and span_ieq(span_of(value.at, scheme.len), scheme) and (
            value.len == scheme.len or value.at[scheme.len] == c' ' or value.at[scheme.len] == c'\t'
        ):
            policy_request_drop(exchange, field)
            return
        header = message_find_name(&exchange.request, field, <unsigned>(header - exchange.request.headers) + 1)


cdef const credential_t *credential_find(const credential_table_t *table, span_t key) noexcept nogil:
    cdef uint32_t at = key_index_find(&table.index, key)
    return NULL if at == KEY_NONE else &table.rows[at]


cdef bint credential_has_ended(const credential_t *credential, const exchange_t *exchange) noexcept nogil:
    return credential.ends_at_ns != 0 and gate_wall_ns(exchange.lane.gate, exchange.lane.reactor.now_ns) >= credential.ends_at_ns


cdef bint authentication_is_skipped(const authentication_t *authentication, exchange_t *exchange) noexcept nogil:
    if authentication.skips_preflight and exchange.request.method == METHOD_OPTIONS:
        return True
    return authentication.anonymous != NULL and exchange.consumer != NULL and not exchange.is_anonymous


cdef status_t authentication_fail(const authentication_t *authentication, exchange_t *exchange,
                                  span_t text) noexcept nogil:
    return authentication_fail_as(authentication, exchange, text, authentication.challenge)


cdef status_t authentication_fail_as(const authentication_t *authentication, exchange_t *exchange, span_t text,
                                     span_t challenge) noexcept nogil:
    if authentication.anonymous != NULL:
        policy_authenticated(exchange, authentication.anonymous, span_none(), span_none(), True)
        return OK
    policy_answer_add(exchange, span_text(b"WWW-Authenticate"), challenge)
    return policy_refuse(exchange, UNAUTHORIZED, text)


cdef status_t authentication_succeed(exchange_t *exchange, const credential_t *credential,
                                     span_t identifier) noexcept nogil:
    policy_authenticated(exchange, credential.consumer, credential.id, identifier, False)
    return OK

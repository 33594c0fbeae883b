"""jwt, first of the authentication plugins (priority 1,450).

Each request in order of cost: is it a token at all; is its verdict known; its signature and claims.
A known verdict names a place in a table that its scope tells apart from all other tables; who that is
now, this snapshot says.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t

from fastgate._core.auth.crypto cimport crypto_open, crypto_problem
from fastgate._core.auth.jwt cimport jwt_split
from fastgate._core.auth.key_set cimport key_set_t, key_table_find, key_table_t
from fastgate._core.auth.token_cache cimport TOKEN_CACHE_SCOPE_BYTES, token_cache_get, token_cache_put, token_verdict_t
from fastgate._core.base.atomics cimport atomic_load_ptr, own_add_u64
from fastgate._core.base.clock cimport NS_PER_MS
from fastgate._core.base.span cimport span_none, span_of, span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.base.writer cimport writer_open, writer_t, writer_text
from fastgate._core.plugin.authentication cimport (
    authentication_build,
    authentication_fail,
    authentication_fail_as,
    authentication_is_skipped,
    authentication_succeed,
    credential_t,
    credentials_build,
    secret_arg_keep,
)
from fastgate._core.plugin.jwt_keys cimport jwt_key_name, jwt_keys_build, jwt_keys_close, jwt_keys_decode
from fastgate._core.plugin.jwt_remote cimport (
    JWT_NOBODY,
    jwt_remote_build,
    jwt_remote_consumers,
    jwt_remote_name,
    jwt_remote_scope_now,
    jwt_remote_t,
)
from fastgate._core.plugin.jwt_rules cimport (
    JWT_REFUSED_ALGORITHM_NAME,
    JWT_REFUSED_AUDIENCE,
    JWT_REFUSED_BAD_NAME,
    JWT_REFUSED_BASE64,
    JWT_REFUSED_CLAIMS,
    JWT_REFUSED_CRITICAL,
    JWT_REFUSED_EXPIRED,
    JWT_REFUSED_EXP_FAR,
    JWT_REFUSED_EXP_TYPE,
    JWT_REFUSED_FORM,
    JWT_REFUSED_ISSUER,
    JWT_REFUSED_KEY,
    JWT_REFUSED_NBF,
    JWT_REFUSED_NBF_TYPE,
    JWT_REFUSED_NO_KEY,
    JWT_REFUSED_NO_NAME,
    JWT_REFUSED_OTHER_ALGORITHM,
    JWT_REFUSED_UNKNOWN,
    jwt_rules_build,
    jwt_rules_judge,
    jwt_rules_keep,
)
from fastgate._core.plugin.jwt_source cimport (
    JWT_FOUND_FLAG,
    JWT_FOUND_NONE,
    JWT_FOUND_ONE,
    jwt_found_t,
    jwt_source_build,
    jwt_source_find,
)
from fastgate._core.proxy.exchange cimport exchange_t, exchange_take, gate_t, gate_wall_ns
from fastgate._core.proxy.policy cimport policy_answer, policy_answer_add
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room, keep_text
from fastgate._core.snapshot.snapshot cimport CREDENTIALS_JWT

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    CLAIMS_BODY_BYTES = 256         # more than all claims that may be wrong at a time
    UNAUTHORIZED = 401


# ---- the verdict

cdef uint32_t _judge(const jwt_plugin_t *config, exchange_t *exchange, span_t token,
                     const credential_t **credential_out) noexcept nogil:
    """0, or why it is refused."""
    cdef gate_t *gate = exchange.lane.gate
    cdef token_verdict_t verdict
    cdef span_t parts[3]
    cdef uint8_t now_scope[TOKEN_CACHE_SCOPE_BYTES]
    cdef const uint8_t *scope = &config.rules.scope[0]
    cdef key_set_t *keys = NULL
    cdef int64_t now_ms = <int64_t>(gate_wall_ns(gate, exchange.lane.reactor.now_ns) // NS_PER_MS)
    if not jwt_split(token, parts):
        return JWT_REFUSED_FORM
    if config.rules.remote != NULL:
        keys = key_table_find(<key_table_t *>atomic_load_ptr(&gate.remote_keys), config.rules.remote.source)
        if keys == NULL:                # nothing has been fetched yet
            own_add_u64(&exchange.lane.reactor.counters.keys_unknown, 1)
            return JWT_REFUSED_NO_KEY
        jwt_remote_scope_now(config.rules.scope, keys, now_scope)
        scope = now_scope
    if gate.tokens == NULL or not token_cache_get(gate.tokens, token, scope, now_ms, &verdict):
        # lane.output is free until there is something to send; no head with a token in it is as large.
        jwt_rules_judge(
            &config.rules, config.credentials, keys, exchange.lane.verifier, token, exchange.lane.output, now_ms, &verdict
        )
        if gate.tokens != NULL and jwt_rules_keep(&config.rules, &verdict):
            token_cache_put(gate.tokens, token, scope, &verdict)
    if verdict.refusal == JWT_REFUSED_NO_KEY:
        own_add_u64(&exchange.lane.reactor.counters.keys_unknown, 1)
    credential_out[0] = NULL if verdict.value == JWT_NOBODY else &config.credentials.rows[verdict.value]
    return verdict.refusal


# ---- refusals

cdef span_t _text(const jwt_plugin_t *config, uint32_t refusal) noexcept nogil:
    if refusal == JWT_REFUSED_FORM:
        return span_text(b"Bad token; invalid JSON")
    if refusal == JWT_REFUSED_BASE64:
        return span_text(b"Bad token; invalid base64")
    if refusal == JWT_REFUSED_ALGORITHM_NAME:
        return span_text(b"Bad token; invalid alg")
    if refusal == JWT_REFUSED_CRITICAL:
        return span_text(b"Bad token; unsupported extension")
    if refusal == JWT_REFUSED_NO_NAME:
        return config.no_name
    if refusal == JWT_REFUSED_BAD_NAME:
        return config.bad_name
    if refusal == JWT_REFUSED_UNKNOWN:
        return config.unknown
    if refusal == JWT_REFUSED_NO_KEY:
        return span_text(b"No credentials found for given 'kid'")
    if refusal == JWT_REFUSED_OTHER_ALGORITHM:
        return span_text(b"Invalid algorithm")
    if refusal == JWT_REFUSED_KEY:
        return span_text(b"Invalid key/secret")
    return span_text(b"Invalid signature")


cdef void _put_claim(writer_t *writer, const char *claim, const char *problem) noexcept nogil:
    writer_text(writer, b"{\"" if writer.at == writer.start else b",\"")
    writer_text(writer, claim)
    writer_text(writer, b"\":\"")
    writer_text(writer, problem)
    writer_text(writer, b"\"")


cdef span_t _claims_body(exchange_t *exchange, uint32_t refusal) noexcept nogil:
    """What is wrong with which claim, as JSON. Empty: no memory."""
    cdef char *room = <char *>exchange_take(exchange, CLAIMS_BODY_BYTES)
    cdef writer_t writer
    if room == NULL:
        return span_none()
    writer_open(&writer, room, CLAIMS_BODY_BYTES)
    if refusal & <uint32_t>JWT_REFUSED_EXP_TYPE:
        _put_claim(&writer, b"exp", b"must be a number")
    elif refusal & <uint32_t>JWT_REFUSED_EXPIRED:
        _put_claim(&writer, b"exp", b"token expired")
    elif refusal & <uint32_t>JWT_REFUSED_EXP_FAR:
        _put_claim(&writer, b"exp", b"exceeds maximum allowed expiration")
    if refusal & <uint32_t>JWT_REFUSED_NBF_TYPE:
        _put_claim(&writer, b"nbf", b"must be a number")
    elif refusal & <uint32_t>JWT_REFUSED_NBF:
        _put_claim(&writer, b"nbf", b"token not valid yet")
    if refusal & <uint32_t>JWT_REFUSED_ISSUER:
        _put_claim(&writer, b"iss", b"not an accepted issuer")
    if refusal & <uint32_t>JWT_REFUSED_AUDIENCE:
        _put_claim(&writer, b"aud", b"not an accepted audience")
    writer_text(&writer, b"}")
    return span_of(writer.start, <size_t>(writer.at - writer.start))


cdef status_t _refuse(const jwt_plugin_t *config, exchange_t *exchange, uint32_t refusal) noexcept nogil:
    if config.authentication.anonymous != NULL or not refusal & <uint32_t>JWT_REFUSED_CLAIMS:
        return authentication_fail_as(&config.authentication, exchange, _text(config, refusal), config.challenge)
    policy_answer_add(exchange, span_text(b"WWW-Authenticate"), config.challenge)
    return policy_answer(
        exchange, UNAUTHORIZED, span_text(b"application/json; charset=utf-8"), _claims_body(exchange, refusal)
    )


# ---- a request

cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const jwt_plugin_t *config = <const jwt_plugin_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const credential_t *credential
    cdef span_t token
    cdef jwt_found_t found
    cdef uint32_t refusal
    if authentication_is_skipped(&config.authentication, exchange):
        return OK
    found = jwt_source_find(&config.source, exchange, &token)
    if found == JWT_FOUND_NONE:
        return authentication_fail(&config.authentication, exchange, span_text(b"Unauthorized"))
    if found != JWT_FOUND_ONE:
        return authentication_fail_as(
            &config.authentication, exchange,
            span_text(b"Unrecognizable token") if found == JWT_FOUND_FLAG else span_text(b"Multiple tokens provided"),
            config.challenge,
        )
    refusal = _judge(config, exchange, token, &credential)
    if refusal:
        return _refuse(config, exchange, refusal)
    if credential == NULL:
        return OK                       # a good token is all that is asked for
    if config.rules.remote != NULL:
        return authentication_succeed(exchange, credential, jwt_remote_name(config.rules.remote, credential))
    return authentication_succeed(exchange, credential, jwt_key_name(credential))


# ---- building

cdef void _close(plugin_t *plugin) noexcept nogil:
    jwt_keys_close((<jwt_plugin_t *>plugin.config).credentials)


cdef int _build_keys(jwt_plugin_t *kept, plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef bint is_first = snapshot.credentials[<unsigned>CREDENTIALS_JWT] == NULL
    kept.credentials = credentials_build(snapshot, CREDENTIALS_JWT, "jwt_secrets", "key", context)
    if is_first:
        plugin.close = _close               # the keys are this plugin's to free, however far they get
        jwt_keys_build(kept.credentials, &snapshot.arena, context)
    if config["secret_is_base64"]:
        jwt_keys_decode(kept.credentials, context)
    return 0


cdef int jwt_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef jwt_plugin_t *kept
    cdef jwt_remote_t *remote = NULL
    if crypto_open() != OK:
        raise SnapshotError(f'plugin "jwt" {context["entity"]["id"]}', "name", crypto_problem().decode())
    kept = <jwt_plugin_t *>keep_room(&snapshot.arena, sizeof(jwt_plugin_t))
    plugin.config = kept
    authentication_build(&kept.authentication, plugin, snapshot, "Bearer", config, context)
    if config["jwks_uri"] is None:
        _build_keys(kept, plugin, snapshot, config, context)
        claim = config["key_claim_name"]
    else:
        remote = jwt_remote_build(&snapshot.arena, config)
        kept.credentials = jwt_remote_consumers(snapshot, remote, config, context)
        claim = config["consumer_claim"]
    jwt_source_build(&kept.source, &snapshot.arena, config)
    for name in config["uri_param_names"] or []:
        secret_arg_keep(snapshot, name)
    jwt_rules_build(&kept.rules, &snapshot.arena, remote, kept.credentials, config)
    keep_text(&snapshot.arena, f"No mandatory '{claim}' in claims", &kept.no_name)
    keep_text(&snapshot.arena, f"Invalid '{claim}' in claims", &kept.bad_name)
    keep_text(&snapshot.arena, f"No credentials found for given '{claim}'", &kept.unknown)
    challenge = kept.authentication.challenge.at[:kept.authentication.challenge.len]
    keep_bytes(
        &snapshot.arena, challenge + (b" " if config["realm"] is None else b", ") + b'error="invalid_token"', &kept.challenge
    )
    plugin.access = _access
    return 0

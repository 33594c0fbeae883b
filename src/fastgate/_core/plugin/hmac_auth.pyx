"""hmac-auth (priority 1030)."""

from libc.stdint cimport int64_t, uint8_t, uint32_t
from libc.string cimport memchr, memcmp

from fastgate._core.auth.base64 cimport base64_decode
from fastgate._core.auth.crypto cimport (
    DIGEST_KINDS,
    DIGEST_MAX_BYTES,
    DIGEST_SHA256,
    crypto_open,
    crypto_problem,
    digest_add,
    digest_end,
    digest_size,
    digest_start,
    digest_t,
)
from fastgate._core.auth.hmac cimport hmac_add, hmac_is, hmac_key_set, hmac_key_t, hmac_start, hmac_t
from fastgate._core.base.span cimport ascii_lower, span_eq, span_ieq, span_none, span_of, span_t, span_text, span_trim
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.http.date cimport date_parse
from fastgate._core.http.llhttp cimport llhttp_method_name
from fastgate._core.http.message cimport header_t, header_value, message_find_name, message_t
from fastgate._core.plugin.authentication cimport (
    authentication_build,
    authentication_fail,
    authentication_is_skipped,
    authentication_succeed,
    authentication_t,
    credential_find,
    credential_t,
    credential_table_t,
    credentials_build,
    credentials_of,
    scheme_credentials,
    scheme_hide,
)
from fastgate._core.proxy.collect cimport collect_body, collect_text
from fastgate._core.proxy.exchange cimport exchange_t, exchange_target, gate_wall_ns
from fastgate._core.snapshot.keep cimport keep_room, keep_text, keep_texts
from fastgate._core.snapshot.snapshot cimport CREDENTIALS_HMAC

from fastgate._core.bridge.errors import SnapshotError


cdef enum:
    NS_PER_SECOND = 1000000000
    SIGNATURE_MAX_CHARS = 88        # 64 bytes in base64
    SIGNED_MAX = 64                 # parts of a request
    LIST_MAX_BYTES = 2048           # of their names: each is compared with all others


cdef const char *MISSING = b"Unauthorized"
cdef const char *NO_DATE = (
    b"HMAC signature cannot be verified, a valid date or x-date header is required for HMAC Authentication"
)
cdef const char *UNVERIFIABLE = b"HMAC signature cannot be verified"
cdef const char *UNLIKE = b"HMAC signature does not match"
cdef const char **ALGORITHMS = [b"hmac-sha1", b"hmac-sha256", b"hmac-sha384", b"hmac-sha512"]      # by DIGEST_SHA…


# --- the field

cdef bint _put_parameter(signature_t *signature, span_t name, span_t value) noexcept nogil:
    """Each once, none empty, no other."""
    cdef span_t *place
    if span_eq(name, span_text(b"username")):
        place = &signature.username
    elif span_eq(name, span_text(b"algorithm")):
        place = &signature.algorithm
    elif span_eq(name, span_text(b"headers")):
        place = &signature.headers
    elif span_eq(name, span_text(b"signature")):
        place = &signature.signature
    else:
        return False
    if place.len or value.len == 0:
        return False
    place[0] = value
    return True


cdef bint _parse(span_t text, signature_t *signature) noexcept nogil:
    """name="value" between commas, in any order; values have no quotes in them."""
    cdef const char *equals
    cdef const char *quote
    cdef span_t name, value
    signature.username = signature.algorithm = signature.headers = signature.signature = span_none()
    while True:
        equals = <const char *>memchr(text.at, c'=', text.len)
        if equals == NULL:
            return False
        name = span_of(text.at, <size_t>(equals - text.at))
        value = span_of(equals + 1, text.len - name.len - 1)
        if value.len < 2 or value.at[0] != c'"':
            return False
        quote = <const char *>memchr(value.at + 1, c'"', value.len - 1)
        if quote == NULL:
            return False
        text = span_trim(span_of(quote + 1, value.len - <size_t>(quote + 1 - value.at)))
        value = span_of(value.at + 1, <size_t>(quote - value.at) - 1)
        if not _put_parameter(signature, name, value):
            return False
        if text.len == 0:
            break
        if text.at[0] != c',':
            return False
        text = span_trim(span_of(text.at + 1, text.len - 1))
    return signature.username.len and signature.algorithm.len and signature.headers.len and signature.signature.len


cdef bint _next_name(span_t *names, span_t *name_out) noexcept nogil:
    cdef size_t n = 0
    names[0] = span_trim(names[0])
    while n < names.len and names.at[n] != c' ':
        n += 1
    name_out[0] = span_of(names.at, n)
    names[0] = span_of(names.at + n, names.len - n)
    return n != 0


cdef bint _covers(span_t names, span_t wanted) noexcept nogil:
    cdef span_t name
    while _next_name(&names, &name):
        if span_ieq(name, wanted):
            return True
    return False


cdef unsigned _digest_kind(const hmac_auth_t *config, span_t algorithm) noexcept nogil:
    """DIGEST_KINDS: unknown, or not allowed."""
    cdef unsigned kind
    for kind in range(<unsigned>DIGEST_KINDS):
        if config.algorithms >> kind & 1 and span_eq(algorithm, span_text(ALGORITHMS[kind])):
            return kind
    return DIGEST_KINDS


cdef bint _is_list(span_t names) noexcept nogil:
    """Each name once and not too many, so that no more is hashed than was sent."""
    cdef span_t name
    cdef unsigned count = 0
    while _next_name(&names, &name):
        count += 1
        if count > SIGNED_MAX or _covers(names, name):
            return False
    return True


cdef bint _is_fit(const hmac_auth_t *config, const signature_t *signature) noexcept nogil:
    cdef uint32_t i
    if signature.headers.len > LIST_MAX_BYTES or not _is_list(signature.headers):
        return False
    for i in range(config.n_enforced):
        if not _covers(signature.headers, config.enforced[i]):
            return False
    return _digest_kind(config, signature.algorithm) != DIGEST_KINDS and signature.signature.len <= SIGNATURE_MAX_CHARS


# --- the date

cdef bint _is_now(exchange_t *exchange, span_t field, int64_t skew) noexcept nogil:
    cdef const header_t *header = message_find_name(&exchange.request, field, 0)
    cdef int64_t seconds, now
    if header == NULL or not date_parse(header_value(&exchange.request, header), &seconds):
        return False
    now = <int64_t>(gate_wall_ns(exchange.lane.gate, exchange.lane.reactor.now_ns) // NS_PER_SECOND)
    return now - skew <= seconds <= now + skew


# --- the signature

cdef span_t _path_and_query(exchange_t *exchange) noexcept nogil:
    """As the client sent it; of an absolute target what follows the authority."""
    cdef span_t target = exchange_target(exchange)
    cdef size_t i
    if target.len and target.at[0] != c'/' and target.at[0] != c'*':
        i = exchange.authority_at + exchange.authority_len - <uint32_t>(target.at - exchange.input)
        target = span_of(target.at + i, target.len - i)
        if target.len == 0:
            target = span_text(b"/")
    return target


cdef void _add_lower(hmac_t *hmac, span_t text) noexcept nogil:
    cdef char letter
    cdef size_t i
    for i in range(text.len):
        letter = ascii_lower(text.at[i])
        hmac_add(hmac, span_of(&letter, 1))


cdef void _add_field(hmac_t *hmac, const exchange_t *exchange, span_t name) noexcept nogil:
    """name: value. Values of several fields are joined, so that none is left unsigned; an absent field's is empty."""
    cdef const message_t *request = &exchange.request
    cdef const header_t *header = message_find_name(request, name, 0)
    cdef bint is_first = True
    hmac_add(hmac, name)
    hmac_add(hmac, span_text(b":"))
    if span_ieq(name, span_text(b"Host")) and exchange.authority_len:
        # What the request was routed by: an absolute target's, whatever the field says (RFC 9112 section 3.2.2).
        hmac_add(hmac, span_text(b" "))
        hmac_add(hmac, span_of(exchange.input + exchange.authority_at, exchange.authority_len))
        return
    while header != NULL:
        hmac_add(hmac, span_text(b" " if is_first else b", "))
        hmac_add(hmac, header_value(request, header))
        is_first = False
        header = message_find_name(request, name, <unsigned>(header - request.headers) + 1)


cdef void _add_part(hmac_t *hmac, exchange_t *exchange, span_t name) noexcept nogil:
    cdef span_t method = span_text(llhttp_method_name(exchange.request.method))
    if span_ieq(name, span_text(b"request-line")):
        hmac_add(hmac, method)
        hmac_add(hmac, span_text(b" "))
        hmac_add(hmac, _path_and_query(exchange))
        hmac_add(hmac, span_text(b" HTTP/1.1" if exchange.request.http_minor else b" HTTP/1.0"))
    elif span_ieq(name, span_text(b"@request-target")):
        hmac_add(hmac, name)
        hmac_add(hmac, span_text(b": "))
        _add_lower(hmac, method)
        hmac_add(hmac, span_text(b" "))
        hmac_add(hmac, _path_and_query(exchange))
    else:
        _add_field(hmac, exchange, name)


cdef bint _is_signed(const hmac_auth_t *config, exchange_t *exchange, const signature_t *signature,
                     span_t secret) noexcept nogil:
    cdef char given[SIGNATURE_MAX_CHARS]
    cdef ssize_t size = base64_decode(signature.signature, given)
    cdef span_t names = signature.headers, name
    cdef bint is_first = True
    cdef hmac_key_t key
    cdef hmac_t hmac
    if size <= 0 or size > DIGEST_MAX_BYTES:
        return False
    hmac_key_set(&key, _digest_kind(config, signature.algorithm), secret)
    hmac_start(&hmac, &key)
    while _next_name(&names, &name):
        if not is_first:
            hmac_add(&hmac, span_text(b"\n"))
        _add_part(&hmac, exchange, name)
        is_first = False
    return hmac_is(&hmac, span_of(given, <size_t>size))


# --- the plugin

cdef bint _read(const hmac_auth_t *config, exchange_t *exchange, signature_t *signature) noexcept nogil:
    """Proxy-Authorization goes first (as in Kong)."""
    cdef message_t *request = &exchange.request
    cdef span_t scheme = span_text(b"hmac"), text
    if scheme_credentials(request, span_text(b"Proxy-Authorization"), scheme, &text) and _parse(text, signature):
        return True
    if not scheme_credentials(request, span_text(b"Authorization"), scheme, &text):
        return False
    return _parse(text, signature)


cdef bint _is_digested(exchange_t *exchange) noexcept nogil:
    """Digest: SHA-256=…; without it there is no body (as in Kong)."""
    cdef const header_t *header = message_find_name(&exchange.request, span_text(b"Digest"), 0)
    cdef span_t body = collect_text(exchange), mark = span_text(b"SHA-256="), value
    cdef char given[SIGNATURE_MAX_CHARS]
    cdef uint8_t made[DIGEST_MAX_BYTES]
    cdef digest_t digest
    cdef unsigned size = digest_size(DIGEST_SHA256)
    if header == NULL:
        return body.len == 0
    value = header_value(&exchange.request, header)
    if value.len <= mark.len or value.len - mark.len > SIGNATURE_MAX_CHARS or not span_ieq(span_of(value.at, mark.len), mark):
        return False
    if base64_decode(span_of(value.at + mark.len, value.len - mark.len), given) != <ssize_t>size:
        return False
    digest_start(&digest, DIGEST_SHA256)
    digest_add(&digest, body.at, body.len)
    digest_end(&digest, made)
    return memcmp(given, made, size) == 0       # both are the client's: nothing to learn from the time


cdef bint _enforces(const hmac_auth_t *config, span_t name) noexcept nogil:
    cdef uint32_t i
    for i in range(config.n_enforced):
        if span_ieq(config.enforced[i], name):
            return True
    return False


cdef bint _is_fresh(const hmac_auth_t *config, exchange_t *exchange) noexcept nogil:
    """One of the two dates is now; and one that must be signed is, or an old signature would do with a new date beside it."""
    cdef span_t x_date = span_text(b"X-Date"), date = span_text(b"Date")
    cdef bint is_x_now = _is_now(exchange, x_date, config.clock_skew)
    cdef bint is_now = _is_now(exchange, date, config.clock_skew)
    if (_enforces(config, x_date) and not is_x_now) or (_enforces(config, date) and not is_now):
        return False
    return is_x_now or is_now


cdef status_t _access(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const hmac_auth_t *config = <const hmac_auth_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    cdef const authentication_t *authentication = &config.authentication
    cdef const credential_t *credential
    cdef const char *fault = NULL
    cdef signature_t signature
    cdef status_t status
    if authentication_is_skipped(authentication, exchange):
        return OK
    if (
        message_find_name(&exchange.request, span_text(b"Authorization"), 0) == NULL
        and message_find_name(&exchange.request, span_text(b"Proxy-Authorization"), 0) == NULL
    ):
        return authentication_fail(authentication, exchange, span_text(MISSING))
    if not _is_fresh(config, exchange):
        if config.hides:
            scheme_hide(exchange, span_text(b"Authorization"), span_text(b"hmac"))
        return authentication_fail(authentication, exchange, span_text(NO_DATE))
    credential = NULL
    if _read(config, exchange, &signature) and _is_fit(config, &signature):
        credential = credential_find(config.credentials, signature.username)
    if credential == NULL:
        fault = UNVERIFIABLE
    elif not _is_signed(config, exchange, &signature, (<span_t *>credential.secret)[0]):
        fault = UNLIKE
    elif config.checks_body:
        # Behind the signature: nobody else makes the gateway keep a body.
        status = collect_body(plugin, exchange, config.body_bytes)
        if status != OK:
            return status
        if not _is_digested(exchange):
            fault = UNLIKE
    if config.hides:
        scheme_hide(exchange, span_text(b"Authorization"), span_text(b"hmac"))
    if fault != NULL:
        return authentication_fail(authentication, exchange, span_text(fault))
    return authentication_succeed(exchange, credential, signature.username)


cdef int _keep_secrets(credential_table_t *table, snapshot_t *snapshot, dict context) except -1:
    cdef span_t *secret
    cdef uint32_t i
    for i, (_, credential) in enumerate(credentials_of("hmacauth_credentials", context)):
        secret = <span_t *>keep_room(&snapshot.arena, sizeof(span_t))
        keep_text(&snapshot.arena, credential["secret"], secret)
        table.rows[i].secret = secret
    return 0


cdef int hmac_auth_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1:
    cdef hmac_auth_t *kept = <hmac_auth_t *>keep_room(&snapshot.arena, sizeof(hmac_auth_t))
    cdef unsigned kind
    cdef bint is_first = snapshot.credentials[<unsigned>CREDENTIALS_HMAC] == NULL
    cdef credential_table_t *table = credentials_build(
        snapshot, CREDENTIALS_HMAC, "hmacauth_credentials", "username", context
    )
    if crypto_open() != OK:
        raise SnapshotError('plugin "hmac-auth"', "name", (<bytes>crypto_problem()).decode())
    if is_first:
        _keep_secrets(table, snapshot, context)
    authentication_build(&kept.authentication, plugin, snapshot, "hmac", config, context)
    kept.credentials = table
    kept.clock_skew = config["clock_skew"]
    kept.enforced = keep_texts(&snapshot.arena, config["enforce_headers"], &kept.n_enforced)
    for kind in range(<unsigned>DIGEST_KINDS):
        if ALGORITHMS[kind].decode() in config["algorithms"]:
            kept.algorithms |= <uint8_t>(1 << kind)
    kept.checks_body = config["validate_request_body"]
    kept.body_bytes = snapshot.settings.python_body_bytes
    kept.hides = config["hide_credentials"]
    plugin.access = _access
    plugin.config = kept
    return 0

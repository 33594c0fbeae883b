"""The fields of a request that neither plugins nor the upstream hear."""

from libc.stdint cimport uint64_t
from libc.string cimport memchr

from fastgate._core.base.span cimport span_t
from fastgate._core.http.connection_options cimport connection_has, connection_names_fields
from fastgate._core.http.fields cimport field_id
from fastgate._core.http.message cimport (
    HEADER_AUTHORIZATION,
    HEADER_COOKIE,
    HEADER_DROPPED,
    HEADER_FORWARDED,
    HEADER_ORIGIN,
    HEADER_OTHER,
    HEADER_X_ANONYMOUS_CONSUMER,
    HEADER_X_AUTHENTICATED_GROUPS,
    HEADER_X_AUTHENTICATED_SCOPE,
    HEADER_X_AUTHENTICATED_USERID,
    HEADER_X_CONSUMER_CUSTOM_ID,
    HEADER_X_CONSUMER_GROUPS,
    HEADER_X_CONSUMER_ID,
    HEADER_X_CONSUMER_USERNAME,
    HEADER_X_CREDENTIAL_IDENTIFIER,
    header_name,
    header_t,
    message_t,
)
from fastgate._core.proxy.pass_fields cimport field_bit, forwarding_bits


cdef enum:
    DISGUISED_LEAST = 9             # "X-Real-IP"
    DISGUISED_MOST = 23             # "X-Credential-Identifier"


# What tells an upstream who the consumer is (as Kong's).
cdef uint64_t IDENTITY = (
    field_bit(HEADER_X_CONSUMER_ID) | field_bit(HEADER_X_CONSUMER_CUSTOM_ID) | field_bit(HEADER_X_CONSUMER_USERNAME)
    | field_bit(HEADER_X_CONSUMER_GROUPS) | field_bit(HEADER_X_CREDENTIAL_IDENTIFIER)
    | field_bit(HEADER_X_ANONYMOUS_CONSUMER) | field_bit(HEADER_X_AUTHENTICATED_GROUPS)
    | field_bit(HEADER_X_AUTHENTICATED_SCOPE) | field_bit(HEADER_X_AUTHENTICATED_USERID)
)

# What tells where a request comes from, and only trusted peers may say.
cdef uint64_t FORWARDING = field_bit(HEADER_FORWARDED) | forwarding_bits()

# Besides fields that the gateway does not know, what Connection may take out before plugins look.
cdef uint64_t MAY_BE_NAMED = (
    field_bit(HEADER_OTHER) | field_bit(HEADER_AUTHORIZATION) | field_bit(HEADER_COOKIE) | field_bit(HEADER_ORIGIN)
)


cdef bint _is_disguised(const exchange_t *exchange, span_t name) noexcept nogil:
    """X_Consumer_ID and its like: with CGI and WSGI the upstream cannot tell them from the real ones."""
    cdef char folded[DISGUISED_MOST]
    cdef size_t i
    if name.len < DISGUISED_LEAST or name.len > DISGUISED_MOST or memchr(name.at, c'_', name.len) == NULL:
        return False
    for i in range(name.len):
        folded[i] = c'-' if name.at[i] == c'_' else name.at[i]
    return (IDENTITY if exchange.is_trusted else IDENTITY | FORWARDING) >> field_id(folded, name.len) & 1


cdef void heard_trim(exchange_t *exchange, const chain_t *chain, bint has_plugins) noexcept nogil:
    cdef message_t *request = &exchange.request
    cdef bint has_named = has_plugins and connection_names_fields(request)
    cdef bint is_guarded = not exchange.is_trusted or chain != NULL and chain.authenticates
    cdef uint64_t dropped = 0
    cdef header_t *header
    cdef unsigned i
    if is_guarded:
        dropped = IDENTITY & request.known
    if has_plugins and not exchange.is_trusted:
        dropped |= FORWARDING & request.known
    if not is_guarded and not has_named:
        return
    for i in range(request.n_headers):
        header = &request.headers[i]
        if has_named and MAY_BE_NAMED & field_bit(header.id) and connection_has(request, header_name(request, header)):
            request.known &= ~field_bit(header.id)
            header.id = HEADER_DROPPED
        elif dropped & field_bit(header.id):
            header.id = HEADER_DROPPED
        elif is_guarded and header.id == HEADER_OTHER and _is_disguised(exchange, header_name(request, header)):
            header.id = HEADER_DROPPED
    request.known &= ~dropped

"""What authentication plugins have in common: credentials, the anonymous consumer, how they end.

Kong's convention. With `anonymous` a plugin is one of several ways in (OR): it is skipped when
somebody is known already, and who fails goes on as the anonymous consumer. Without it, it is a
condition (AND): who fails is refused.

An access hook of such a plugin:

    if authentication_is_skipped(&config.authentication, exchange):
        return OK
    … find a credential, or return authentication_fail(&config.authentication, exchange, text)
    return authentication_succeed(exchange, credential, identifier)

and its builder: authentication_build; `plugin.authenticates` is set there.
"""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

from fastgate._core.auth.key_index cimport key_index_t
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.http.message cimport message_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.snapshot.plugin cimport consumer_t, plugin_t
from fastgate._core.snapshot.snapshot cimport credentials_t, snapshot_t


cdef struct authentication_t:
    # Part of a plugin's struct. Owner: the snapshot's arena. Read-only after build.
    const consumer_t *anonymous     # NULL: who fails is refused
    span_t challenge                # WWW-Authenticate of a refusal
    uint8_t skips_preflight         # OPTIONS requests go on, nobody known


cdef struct credential_t:
    # What shows that somebody is a consumer. Owner: its table. Read-only after build.
    const consumer_t *consumer
    span_t id
    void *secret                    # the plugin's own; NULL: knowing the key is enough
    uint64_t ends_at_ns             # wall time; 0: never


cdef struct credential_table_t:
    # All credentials of a kind. Owner: the snapshot's arena (snapshot.credentials). Read-only after build.
    key_index_t index               # key or user name -> place in rows
    credential_t *rows
    uint32_t n_rows


# `scheme`: of the challenge ("Key"); `config` may have anonymous, realm and run_on_preflight.
cdef int authentication_build(authentication_t *authentication, plugin_t *plugin, snapshot_t *snapshot, str scheme,
                              dict config, dict context) except -1

# The table of a kind, made by the first plugin that asks: the consumers' `collection`, by their
# `key` ("keyauth_credentials", "key"). rows are in the order of credentials_of; secrets are NULL.
cdef credential_table_t *credentials_build(snapshot_t *snapshot, credentials_t kind, str collection, str key,
                                           dict context) except NULL
# A table of the consumers themselves, by this field of theirs ("custom_id"); those without it are not in it. Ids are
# the consumers'; secrets are NULL.
cdef credential_table_t *consumers_build(snapshot_t *snapshot, credentials_t kind, str field, dict context) except NULL
cdef list credentials_of(str collection, dict context)             # [(consumer's entity, credential's entity), …]

# The values of this query argument are credentials: no log shows them.
cdef int secret_arg_keep(snapshot_t *snapshot, str name) except -1

# What follows the scheme in an Authorization or Proxy-Authorization field. False: no such field, two, or another scheme.
cdef bint scheme_credentials(const message_t *request, span_t field, span_t scheme, span_t *rest_out) noexcept nogil

# The upstream does not see the field if one of them is of this scheme, whatever else is wrong with it.
cdef void scheme_hide(exchange_t *exchange, span_t field, span_t scheme) noexcept nogil

cdef const credential_t *credential_find(const credential_table_t *table, span_t key) noexcept nogil    # NULL: unknown
cdef bint credential_has_ended(const credential_t *credential, const exchange_t *exchange) noexcept nogil

cdef bint authentication_is_skipped(const authentication_t *authentication, exchange_t *exchange) noexcept nogil

# The end of the access phase, or the anonymous consumer: return what it returns.
cdef status_t authentication_fail(const authentication_t *authentication, exchange_t *exchange,
                                  span_t text) noexcept nogil
cdef status_t authentication_fail_as(const authentication_t *authentication, exchange_t *exchange, span_t text,
                                     span_t challenge) noexcept nogil       # with a challenge that says more

# `identifier`: X-Credential-Identifier (a key's id, a user name, a token's key claim); policy.pxd says how long it
# must live. OK.
cdef status_t authentication_succeed(exchange_t *exchange, const credential_t *credential,
                                     span_t identifier) noexcept nogil

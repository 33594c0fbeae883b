"""hmac-auth: a signature over parts of the request tells who calls (Kong's plugin of that name).

The field is `hmac username="…", algorithm="hmac-sha256", headers="date request-line", signature="…"`,
after draft-cavage-http-signatures.
"""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.authentication cimport authentication_t, credential_table_t
from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef struct hmac_auth_t:
    # Owner: the snapshot's arena. Read-only after build.
    authentication_t authentication
    const credential_table_t *credentials   # secret: span_t *
    int64_t clock_skew                      # seconds
    span_t *enforced                        # what a signature must cover
    uint32_t n_enforced
    uint8_t algorithms                      # bit: DIGEST_SHA…
    uint64_t body_bytes                     # of a body whose digest is compared
    uint8_t checks_body
    uint8_t hides                           # the upstream does not see the signature


cdef struct signature_t:
    # A value on a hook's stack: points into the request's head.
    span_t username
    span_t algorithm
    span_t headers                          # names between blanks, in the order they are signed
    span_t signature                        # base64


cdef int hmac_auth_build(plugin_t *plugin, snapshot_t *snapshot, dict config, dict context) except -1

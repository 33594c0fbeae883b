"""Where a request may hold a token: query arguments, cookies, header fields (Kong's order)."""

from libc.stdint cimport uint32_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.proxy.exchange cimport exchange_t


cdef enum jwt_found_t:
    JWT_FOUND_NONE
    JWT_FOUND_ONE
    JWT_FOUND_SEVERAL           # that differ
    JWT_FOUND_FLAG              # an argument without a value


cdef struct jwt_source_t:
    # Part of the plugin's struct. Owner: the snapshot's arena. Read-only after build.
    span_t *arguments
    span_t *cookies
    span_t *headers
    uint32_t n_arguments
    uint32_t n_cookies
    uint32_t n_headers


cdef int jwt_source_build(jwt_source_t *source, arena_t *arena, dict config) except -1

# All places are looked at: a second, different token is not passed on unseen. The token lives as long as
# the access phase.
cdef jwt_found_t jwt_source_find(const jwt_source_t *source, exchange_t *exchange, span_t *token_out) noexcept nogil

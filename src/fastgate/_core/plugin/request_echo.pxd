"""A request as JSON, in Kong's shape: what request-termination's `echo` answers with."""

from fastgate._core.base.span cimport span_t
from fastgate._core.proxy.exchange cimport exchange_t


cdef enum:
    ECHO_MAX_ARGUMENTS = 100        # of the query; those behind are not shown (Kong's limit, too)


# `node`: JSON of what the gateway is. .at NULL: no memory.
cdef span_t request_echo(exchange_t *exchange, span_t message, span_t node) noexcept nogil

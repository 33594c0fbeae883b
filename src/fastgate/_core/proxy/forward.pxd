"""The request head as the upstream gets it."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.base.writer cimport writer_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.snapshot.snapshot cimport service_t
from fastgate._core.upstream.peer cimport peer_t


cdef const char *MIRRORED           # the field that marks a copy


# Writes it for exchange.connection's peer. OK; TOO_LARGE: it does not fit the writer's room.
cdef status_t forward_head(exchange_t *exchange, writer_t *writer) noexcept nogil

# That of a copy for somebody else: `service` with `path`, at `peer`. As above.
cdef status_t forward_copy(exchange_t *exchange, const service_t *service, span_t path, const peer_t *peer,
                           writer_t *writer) noexcept nogil

"""The request head as the upstream gets it."""

from fastgate._core.base.status cimport status_t
from fastgate._core.base.writer cimport writer_t
from fastgate._core.proxy.exchange cimport exchange_t


# Writes it for exchange.connection's peer. OK; TOO_LARGE: it does not fit the writer's room.
cdef status_t forward_head(exchange_t *exchange, writer_t *writer) noexcept nogil

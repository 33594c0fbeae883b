"""The upstream's answer head as the client gets it."""

from fastgate._core.base.writer cimport writer_t
from fastgate._core.proxy.exchange cimport exchange_t


# A final answer: decides the framing towards the client and whether its connection lives on.
cdef void answer_head(exchange_t *exchange, writer_t *writer) noexcept nogil
# 1xx, and 101 with the fields that switch protocols.
cdef void answer_interim_head(exchange_t *exchange, writer_t *writer) noexcept nogil

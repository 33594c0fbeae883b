"""Refusals: what is wrong with a request, decided here or noted in the exchange, as an answer."""

from fastgate._core.proxy.exchange cimport exchange_t


cdef void refusal_of_bytes(exchange_t *exchange) noexcept nogil     # the parser's fault becomes exchange.refusal
cdef void refusal_send(exchange_t *exchange) noexcept nogil         # answers with exchange.refusal; uses lane.output

"""Answers that filters see before the client gets any of them: held back, head and perhaps body, until all have spoken.

Receiving an upstream's answer or making one of the gateway's own, whoever finds exchange.withholds
set hands it over here, asks withhold_filter how it stands, and sends it when that says so.
"""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.base.writer cimport writer_t
from fastgate._core.observe.access_record cimport access_source_t
from fastgate._core.proxy.exchange cimport WITHHELD_NOT, exchange_t


# The upstream's, its head just parsed. FAILED: no memory.
cdef status_t withhold_answer(exchange_t *exchange) noexcept nogil
# The gateway's own, copied. False: send it, no filter that withholds will see it.
cdef bint withhold_reply(exchange_t *exchange, unsigned status, span_t body, span_t fields,
                         access_source_t source) noexcept nogil
# Runs the filters from where they stand. OK: send it. AGAIN: parked (exchange.parking), lane.on_filtered
# follows; or more of the body is wanted. DONE: exchange.refusal takes its place.
cdef status_t withhold_filter(exchange_t *exchange) noexcept nogil
# By a header filter: it has to see the body, if there is one.
cdef void withhold_body(exchange_t *exchange) noexcept nogil
# Another answer takes its place; what filters made of this one is taken back.
cdef void withhold_drop(exchange_t *exchange) noexcept nogil
# By a filter: this message takes its place, and only filters that do not withhold see it. DONE, to return.
cdef status_t withhold_fail(exchange_t *exchange, unsigned status, span_t text) noexcept nogil
# The framing of an upstream's answer whose status or body the filters changed. False: it is as it was.
cdef bint withhold_put_framing(exchange_t *exchange, writer_t *writer) noexcept nogil


cdef inline bint withhold_is_on(const exchange_t *exchange) noexcept nogil:
    """An answer is withheld now."""
    return exchange.withheld != NULL and exchange.withheld.stage != WITHHELD_NOT

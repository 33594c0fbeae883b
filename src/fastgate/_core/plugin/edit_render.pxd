"""The values of edits for one request."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.plugin.edit cimport edits_t
from fastgate._core.plugin.template cimport template_t
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_t


cdef enum:
    RENDER_BYTES = LANE_OUTPUT_BYTES // 2       # of lane.output, from its start; the most one value may have


# All live as long as the exchange. OK, NO_MEMORY or TOO_LARGE.
cdef status_t template_keep(const template_t *template, exchange_t *exchange, span_t *text_out) noexcept nogil
# A value for each edit. Together they may be as large as a head.
cdef status_t edits_render(const edits_t *edits, exchange_t *exchange, span_t **values_out) noexcept nogil
cdef status_t text_keep(exchange_t *exchange, span_t text, span_t *kept_out) noexcept nogil

"""Templates are rendered at the start of lane.output, and what comes out is kept."""

from libc.string cimport memcpy

from fastgate._core.base.span cimport span_of
from fastgate._core.base.status cimport NO_MEMORY, OK, TOO_LARGE
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.plugin.template cimport template_render, template_text
from fastgate._core.proxy.exchange cimport exchange_take


cdef status_t text_keep(exchange_t *exchange, span_t text, span_t *kept_out) noexcept nogil:
    cdef char *room = <char *>exchange_take(exchange, text.len)
    if room == NULL:
        return NO_MEMORY
    if text.len:
        memcpy(room, text.at, text.len)
    kept_out[0] = span_of(room, text.len)
    return OK


cdef status_t template_keep(const template_t *template, exchange_t *exchange, span_t *text_out) noexcept nogil:
    cdef writer_t writer
    if not template.has_parts:
        text_out[0] = template_text(template)
        return OK
    writer_open(&writer, exchange.lane.output, RENDER_BYTES)
    template_render(template, exchange, &writer)
    if writer.is_full:
        return TOO_LARGE
    return text_keep(exchange, span_of(writer.start, <size_t>(writer.at - writer.start)), text_out)


cdef status_t edits_render(const edits_t *edits, exchange_t *exchange, span_t **values_out) noexcept nogil:
    cdef span_t *values = <span_t *>exchange_take(exchange, edits.n_edits * sizeof(span_t))
    cdef size_t total = 0
    cdef status_t status
    cdef unsigned i
    if values == NULL:
        return NO_MEMORY
    values_out[0] = values
    for i in range(edits.n_edits):
        status = template_keep(&edits.edits[i].value, exchange, &values[i])
        total += values[i].len
        if status != OK or total > LANE_OUTPUT_BYTES:
            return status if status != OK else TOO_LARGE
    return OK

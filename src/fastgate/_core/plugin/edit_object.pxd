"""A JSON object's members, changed as both transformers do; what is not touched stays as it stands."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.plugin.edit cimport edits_t
from fastgate._core.proxy.exchange cimport exchange_t


# `values`: a JSON text for each edit; empty: it changes nothing. MALFORMED: `text` is no JSON object; TOO_LARGE, NO_MEMORY.
# All of it lives as long as the exchange.
cdef status_t edit_object(const edits_t *edits, const span_t *values, exchange_t *exchange, span_t text,
                          span_t *text_out) noexcept nogil
# A text as a JSON string. False: no memory.
cdef bint quote_json(exchange_t *exchange, span_t text, span_t *quoted_out) noexcept nogil

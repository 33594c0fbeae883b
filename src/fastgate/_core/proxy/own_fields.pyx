"""Which trailers an exchange passes on."""

from fastgate._core.base.span cimport span_t
from fastgate._core.http.parser cimport parser_t
from fastgate._core.proxy.exchange cimport exchange_t


cdef bint own_fields_may_trail(parser_t *parser, span_t name) noexcept nogil:
    cdef const exchange_t *exchange = <const exchange_t *>parser.owner
    return not is_own_field(&exchange.snapshot.settings, name)

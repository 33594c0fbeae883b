"""key-auth's key_in_body: a key among the fields of a form or the members of a JSON object."""

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t


# In a collected body. OK: `count_out` are there, what is no single value counted twice; one is in `key_out`. MALFORMED: it
# is no JSON object, though its Content-Type says so. NO_MEMORY.
cdef status_t key_in_body(exchange_t *exchange, span_t name, span_t *key_out, unsigned *count_out) noexcept nogil
# Another body for the upstream, without them. TOO_LARGE: an object of too many members. NO_MEMORY. Then it must not go on.
cdef status_t key_hide_in_body(exchange_t *exchange, span_t name) noexcept nogil

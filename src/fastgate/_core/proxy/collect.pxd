"""Request bodies that a plugin wants whole: collected before the upstream is asked, then sent as they are or as replaced."""

from libc.stdint cimport uint64_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.proxy.exchange cimport exchange_t
from fastgate._core.snapshot.plugin cimport plugin_t


# For an access hook, which returns what this returns unless it is OK: the whole body, of at most `most`
# bytes, is there (collect_text). Behind AGAIN the hook is called once more, from its beginning.
cdef status_t collect_body(const plugin_t *plugin, exchange_t *exchange, uint64_t most) noexcept nogil
cdef span_t collect_text(const exchange_t *exchange) noexcept nogil

# Another body for the upstream, instead of the one that is there. False: no memory.
cdef bint collect_replace(exchange_t *exchange, span_t body) noexcept nogil

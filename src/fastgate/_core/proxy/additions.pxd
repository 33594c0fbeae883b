"""Fields that plugins add to a head: a list, in which whole lines that lie ready stay together for as long as nobody asks for one of them."""

from fastgate._core.proxy.exchange cimport added_t, additions_t, exchange_t


cdef inline void additions_append(additions_t *added, added_t *first, added_t *last) noexcept nogil:
    """One field or run, or several that are linked."""
    if added.last == NULL:
        added.first = first
    else:
        added.last.next = first
    added.last = last


# Takes runs apart. Without memory for it a run is lost, and 503 is said in place of all.
cdef void additions_spread(exchange_t *exchange, additions_t *added) noexcept nogil


cdef inline added_t *additions_each(exchange_t *exchange, additions_t *added) noexcept nogil:
    """The first of them, for whoever looks at single fields."""
    if added.has_runs:
        additions_spread(exchange, added)
    return added.first

"""Runs of added fields, taken apart."""

from libc.string cimport memchr

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.proxy.exchange cimport added_t, additions_t, exchange_t, exchange_take


cdef span_t _take_line(span_t lines, added_t *field) noexcept nogil:
    """Its first line's name and value; the rest."""
    cdef const char *colon = <const char *>memchr(lines.at, c':', lines.len)
    cdef const char *end = <const char *>memchr(lines.at, c'\r', lines.len)
    field.name = span_of(lines.at, <size_t>(colon - lines.at))
    field.value = span_of(colon + 2, <size_t>(end - colon) - 2)
    return span_of(end + 2, lines.len - <size_t>(end + 2 - lines.at))


cdef added_t *_spread(exchange_t *exchange, added_t **link) noexcept nogil:
    """The run's own struct becomes the last of its fields, for the list may end with it, or with it when the header
    filters began. NULL: no memory.
    """
    cdef added_t *run = link[0]
    cdef unsigned i, more = run.run_fields - 1
    cdef span_t lines = run.name
    cdef added_t *fields = <added_t *>exchange_take(exchange, more * sizeof(added_t))
    if fields == NULL:
        run.name.len = 0
        return NULL
    for i in range(more):
        lines = _take_line(lines, &fields[i])
        link[0] = &fields[i]
        link = &fields[i].next
    link[0] = run
    run.run_fields = 0
    _take_line(lines, run)
    return run


cdef void additions_spread(exchange_t *exchange, additions_t *added) noexcept nogil:
    cdef added_t **link = &added.first
    cdef added_t *field
    added.has_runs = False
    while link[0] != NULL:
        field = link[0]
        if field.run_fields and _spread(exchange, link) == NULL:
            added.is_short = True
        link = &field.next

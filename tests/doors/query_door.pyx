"""Test door to http/query."""

from libc.stdlib cimport free, malloc

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.http.query cimport query_arg_t, query_count, query_decode, query_next


cdef bytes _bytes(span_t s):
    return s.at[:s.len] if s.len else b""


def arguments(bytes query):
    """[(name, value or None), …] as they stand."""
    cdef span_t rest = span_of(<const char *>query, <size_t>len(query))
    cdef query_arg_t arg
    found = []
    while query_next(&rest, &arg):
        assert _bytes(arg.whole) == (_bytes(arg.name) + b"=" + _bytes(arg.value) if arg.has_value else _bytes(arg.name))
        found.append((_bytes(arg.name), _bytes(arg.value) if arg.has_value else None))
    return found


def count(bytes query, bytes name):
    """How many, and the first one's value."""
    cdef query_arg_t arg
    n = query_count(span_of(<const char *>query, <size_t>len(query)), span_of(<const char *>name, <size_t>len(name)), &arg)
    return (n, _bytes(arg.value) if arg.has_value else None) if n else (0, None)


def _into(bytes text, made):
    """A heap buffer of exactly the size that is promised to be enough, so that a sanitiser sees a byte too many."""
    cdef char *room = <char *>malloc(len(text) if text else 1)
    if room == NULL:
        raise MemoryError
    try:
        return made(<size_t>room)
    finally:
        free(room)


def decode(bytes text):
    def made(size_t room):
        return _bytes(query_decode(span_of(<const char *>text, <size_t>len(text)), <char *>room))
    return _into(text, made)

"""Test door to http/uri: the C functions with bytes in and bytes out."""

from libc.stdlib cimport free, malloc

from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport MALFORMED, OK, TOO_LARGE, status_t
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.http.query_edit cimport query_append, query_has, query_remove, query_rename, query_replace
from fastgate._core.http.uri cimport (
    URI_ABSOLUTE, URI_ASTERISK, URI_ORIGIN, host_parse, host_t, uri_join, uri_normalise, uri_parse, uri_query_arg, uri_t,
)

STATUS = {<int>OK: "ok", <int>MALFORMED: "malformed", <int>TOO_LARGE: "too large"}
FORMS = {<int>URI_ORIGIN: "origin", <int>URI_ABSOLUTE: "absolute", <int>URI_ASTERISK: "asterisk"}


cdef bytes _bytes(span_t s):
    return s.at[:s.len] if s.len else b""


cdef span_t _span(const unsigned char[::1] data):
    return span_of(<const char *>&data[0], <size_t>data.shape[0]) if data.shape[0] else span_of(b"", 0)


cdef class Room:
    """A heap buffer of exactly `size` bytes, so that a sanitiser sees a byte too many."""
    cdef char *at

    def __cinit__(self, size_t size):
        self.at = <char *>malloc(size if size else 1)
        if self.at == NULL:
            raise MemoryError

    def __dealloc__(self):
        free(self.at)


def parse(const unsigned char[::1] target):
    cdef uri_t uri
    cdef status_t status = uri_parse(_span(target), &uri)
    if status != OK:
        return STATUS[<int>status]
    return {
        "form": FORMS[<int>uri.form], "is_https": bool(uri.is_https), "authority": _bytes(uri.authority),
        "path": _bytes(uri.path), "query": _bytes(uri.query) if uri.has_query else None,
    }


def normalise(const unsigned char[::1] path, size_t spare=0):
    """(normalised, whether it had to be copied), or the failure's name. The buffer has len(path) - spare bytes."""
    cdef span_t given = _span(path), result
    cdef size_t cap = given.len - spare
    cdef Room room = Room(cap)
    cdef status_t status = uri_normalise(given, room.at, cap, &result)
    return (_bytes(result), result.at != given.at) if status == OK else STATUS[<int>status]


def host(const unsigned char[::1] text, size_t cap=255):
    cdef host_t parsed
    cdef Room room = Room(cap)
    cdef status_t status = host_parse(_span(text), room.at, cap, &parsed)
    return (_bytes(parsed.name), parsed.port) if status == OK else STATUS[<int>status]


def join(const unsigned char[::1] base, const unsigned char[::1] path, size_t prefix_len, bint is_stripped, size_t spare=0):
    cdef size_t cap = <size_t>base.shape[0] + <size_t>path.shape[0] + 1 - spare
    cdef Room room = Room(cap)
    cdef span_t joined
    cdef status_t status = uri_join(_span(base), _span(path), prefix_len, is_stripped, room.at, cap, &joined)
    return _bytes(joined) if status == OK else STATUS[<int>status]


def query_arg(const unsigned char[::1] query, const unsigned char[::1] name):
    """The value, or None."""
    cdef span_t value
    return _bytes(value) if uri_query_arg(_span(query), _span(name), &value) else None


def query_edit(str how, const unsigned char[::1] query, const unsigned char[::1] name, const unsigned char[::1] text=b"", size_t cap=4096):
    """The new query; None: it did not fit into `cap` bytes."""
    cdef Room room = Room(cap)
    cdef writer_t writer
    writer_open(&writer, room.at, cap)
    if how == "has":
        return bool(query_has(_span(query), _span(name)))
    if how == "remove":
        query_remove(_span(query), _span(name), &writer)
    elif how == "rename":
        query_rename(_span(query), _span(name), _span(text), &writer)
    elif how == "replace":
        query_replace(_span(query), _span(name), _span(text), &writer)
    else:
        query_append(_span(query), _span(name), _span(text), &writer)
    return None if writer.is_full else room.at[:<size_t>(writer.at - writer.start)]

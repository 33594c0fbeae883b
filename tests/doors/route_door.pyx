"""Test door to the route room: routers built from Model.routes dicts, and patterns, driven from Python."""

from libc.stdint cimport uint16_t, uint32_t, uint8_t
from libc.stdlib cimport calloc, free
from libc.string cimport memset

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t
from fastgate._core.base.span cimport span_of, span_t
from fastgate._core.base.status cimport OK
from fastgate._core.http.message cimport MESSAGE_MAX_HEADERS, header_t, message_t
from fastgate._core.route.pattern cimport (
    pattern_close, pattern_compile, pattern_error_t, pattern_library_open, pattern_library_problem,
    pattern_literal, pattern_match, pattern_scratch_free, pattern_scratch_new, pattern_scratch_t, pattern_t,
)
from fastgate._core.route.router cimport (
    ROUTER_NOT_SET, route_match_group, route_match_t, route_query_t, router_close, router_match, router_t,
)
from fastgate._core.snapshot.routes_builder cimport routes_build
from fastgate._core.snapshot.routes_builder import METHODS


cdef span_t _span(bytes data):
    return span_of(<const char *>data, <size_t>len(data))


def open_library():
    """The problem, or an empty string."""
    return "" if pattern_library_open() == OK else pattern_library_problem().decode()


def literal(bytes text):
    room = bytearray(len(text) + 1)
    cdef unsigned char[::1] view = room
    return bytes(room[:pattern_literal(_span(text), <char *>&view[0])])


cdef class Pattern:
    cdef arena_t arena
    cdef pattern_t *pattern
    cdef pattern_scratch_t *scratch

    def __cinit__(self, bytes text, unsigned flags=0, uint32_t match_limit=10000):
        cdef pattern_error_t error
        arena_open(&self.arena)
        assert open_library() == ""
        self.scratch = pattern_scratch_new(match_limit)
        self.pattern = pattern_compile(&self.arena, _span(text), flags, &error)
        if self.pattern == NULL:
            raise ValueError(error.offset, error.message.decode())

    def __dealloc__(self):
        if self.pattern != NULL:
            pattern_close(self.pattern)
        pattern_scratch_free(self.scratch)
        arena_close(&self.arena)

    def match(self, bytes subject):
        """The groups as bytes (None: took no part), or None."""
        cdef unsigned n = pattern_match(self.pattern, _span(subject), self.scratch)
        cdef unsigned i
        cdef size_t start, end
        groups = []
        for i in range(n):
            start = self.scratch.groups[2 * i]
            end = self.scratch.groups[2 * i + 1]
            groups.append(None if start == <size_t>-1 else subject[start:end])
        return groups or None

    @property
    def was_stopped(self):
        """Whether the last match hit a limit."""
        return bool(self.scratch.was_stopped)

    @property
    def names(self):
        return {self.pattern.names[i].name.at[:self.pattern.names[i].name.len]: self.pattern.names[i].group
                for i in range(self.pattern.n_names)}


cdef class Request:
    """host: lower case without port; headers: (name, value) pairs of bytes."""
    cdef route_query_t query
    cdef message_t *message
    cdef bytes host
    cdef bytes path
    cdef bytes head

    def __cinit__(self, bytes host=b"", bytes path=b"/", str method="GET", int port=80, bint is_https=False, headers=()):
        cdef uint32_t at = 0
        cdef int i
        self.message = <message_t *>calloc(1, sizeof(message_t) + MESSAGE_MAX_HEADERS * sizeof(header_t))
        self.message.headers = <header_t *>(self.message + 1)
        self.message.capacity = MESSAGE_MAX_HEADERS
        self.head = b"".join([name + value for name, value in headers])
        self.message.base = self.head
        assert len(headers) <= MESSAGE_MAX_HEADERS
        for i, (name, value) in enumerate(headers):
            self.message.headers[i].name = at
            self.message.headers[i].name_len = <uint16_t>len(name)
            self.message.headers[i].value = at + <uint32_t>len(name)
            self.message.headers[i].value_len = <uint32_t>len(value)
            at += <uint32_t>(len(name) + len(value))
        self.message.n_headers = <uint16_t>len(headers)
        memset(&self.query, 0, sizeof(self.query))
        self.host = host
        self.path = path
        self.query.host = _span(self.host)
        self.query.path = _span(self.path)
        self.query.message = self.message
        self.query.port = <uint16_t>port
        self.query.method = <uint8_t>METHODS.index(method)
        self.query.is_https = is_https

    def __dealloc__(self):
        free(self.message)


cdef class Router:
    cdef arena_t arena
    cdef router_t *router
    cdef pattern_scratch_t *scratch

    def __cinit__(self, list routes, uint32_t match_limit=10000):
        arena_open(&self.arena)
        self.scratch = pattern_scratch_new(match_limit)
        self.router = routes_build(&self.arena, routes)

    def __dealloc__(self):
        if self.router != NULL:
            router_close(self.router)
        pattern_scratch_free(self.scratch)
        arena_close(&self.arena)

    @property
    def bytes(self):
        return self.arena.total

    def match(self, Request request, names=()):
        """{route, prefix_len, https_status, groups, named}, or None."""
        cdef route_match_t found
        cdef span_t value
        cdef unsigned i
        memset(&found, 0xAA, sizeof(found))         # what the match does not set must not look set
        request.query.scratch = self.scratch
        if router_match(self.router, &request.query, &found) != OK:
            return None
        groups = [None if found.groups[2 * i] == ROUTER_NOT_SET else request.path[found.groups[2 * i]:found.groups[2 * i + 1]]
                  for i in range(found.n_groups)]
        named = {name: value.at[:value.len] for name in names if route_match_group(&found, request.query.path, _span(name), &value)}
        return {"route": found.route, "prefix_len": found.prefix_len, "https_status": found.https_status, "groups": groups, "named": named}

    def match_all(self, list requests, int rounds):
        """Matches every request `rounds` times without Python in between. The number that found a route."""
        cdef Py_ssize_t n = len(requests), i
        cdef route_query_t *queries = <route_query_t *>calloc(<size_t>n, sizeof(route_query_t))
        cdef Request request
        cdef route_match_t found
        cdef size_t hits = 0
        cdef int k
        for i in range(n):
            request = requests[i]
            queries[i] = request.query
            queries[i].scratch = self.scratch
        with nogil:
            for k in range(rounds):
                for i in range(n):
                    hits += router_match(self.router, &queries[i], &found) == OK
        free(queries)
        return hits

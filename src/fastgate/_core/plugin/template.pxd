"""Texts of a configuration with parts of the request in them: `$(headers.x)`, `$(query_params.x)`, `$(uri_captures.x)`.

Compiled when the configuration is built; for a request its pieces are written one after the other.
What is not there gives nothing. Nothing that a request says can become syntax where it is put:

  in a field   bytes as they are; of arguments and captures escapes are decoded, but those of control characters stay
  in a path    what a path can't hold is escaped, "?" and "%" too; slashes stay; a capture's escapes stay as they are
  in a query   everything but unreserved characters is escaped
"""

from libc.stdint cimport uint16_t, uint8_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_none, span_t
from fastgate._core.base.writer cimport writer_t
from fastgate._core.proxy.exchange cimport exchange_t


cdef enum piece_kind_t:
    PIECE_TEXT
    PIECE_HEADER                # the first of that name, as the upstream would get it
    PIECE_ARGUMENT              # the first of that name
    PIECE_GROUP                 # of the route's regular expression, by name
    PIECE_GROUP_NUMBER


cdef enum template_place_t:
    PLACE_FIELD
    PLACE_PATH
    PLACE_QUERY
    PLACE_PLAIN                 # no templates: the text as it is


cdef struct piece_t:
    # Part of its template. Read-only after build.
    span_t text                 # literal, in the form its place needs; or name
    span_t hyphened             # a header's name with "-" for each "_", where it has one; else empty
    uint16_t number
    uint8_t kind                # piece_kind_t


cdef struct template_t:
    # Owner: a snapshot's arena. Read-only after build.
    piece_t *pieces
    uint16_t n_pieces
    uint8_t place               # template_place_t
    uint8_t has_parts           # some piece is the request's; else there is one piece, or none
    uint8_t wants_match         # some piece is a group


cdef inline span_t template_text(const template_t *template) noexcept nogil:
    """Of one that has no parts."""
    return template.pieces[0].text if template.n_pieces else span_none()


cdef int template_build(template_t *template, arena_t *arena, str text, template_place_t place) except -1
cdef void template_render(const template_t *template, exchange_t *exchange, writer_t *writer) noexcept nogil

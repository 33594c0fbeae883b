"""Compiling templates (the grammar is fastgate.plugins.request_transformer's), and writing them for a request."""

import re

from libc.stdint cimport uint8_t

from fastgate._core.base.span cimport span_none, span_t
from fastgate._core.base.writer cimport writer_put, writer_span, writer_t
from fastgate._core.http.percent cimport escape_at, is_of_path, is_unreserved, put_byte, put_escaped
from fastgate._core.http.uri cimport uri_query_arg
from fastgate._core.proxy.exchange cimport exchange_path, exchange_query, exchange_t
from fastgate._core.proxy.policy cimport policy_request_value
from fastgate._core.route.router cimport route_match_group, route_match_number
from fastgate._core.snapshot.keep cimport keep_bytes, keep_room


PIECES = re.compile(
    r"""\$\(\s*(headers|query_params|uri_captures)"""
    r"""(?:\.([A-Za-z0-9_-]+)|\[\s*(?:"([^"]+)"|'([^']+)'|([0-9]+))\s*\])\s*\)"""
)
# What a path's literal may have as it is, and the escapes in it.
OF_PATH = re.compile(rb"%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~!$&'()*+,;=:@/-]")
UNRESERVED = re.compile(rb"[A-Za-z0-9._~-]\Z")


# --- build

def in_path(match) -> bytes:
    found = match.group()
    byte = bytes([int(found[1:], 16)]) if len(found) == 3 else found
    return byte if UNRESERVED.match(byte) else b"%%%02X" % byte[0]


cdef bytes _literal(str text, template_place_t place):
    cdef bytes raw = text.encode()
    if place == PLACE_PATH:
        return OF_PATH.sub(in_path, raw)
    if place == PLACE_QUERY:
        return b"".join([bytes([byte]) if UNRESERVED.match(bytes([byte])) else b"%%%02X" % byte for byte in raw])
    return raw


cdef int template_build(template_t *template, arena_t *arena, str text, template_place_t place) except -1:
    cdef list parts = []            # (kind, text, number)
    cdef piece_t *piece
    cdef int at = 0
    for found in PIECES.finditer(text) if place != PLACE_PLAIN else ():
        if found.start() > at:
            parts.append((<int>PIECE_TEXT, _literal(text[at:found.start()], place), 0))
        at = found.end()
        source, plain, double, single, number = found.groups()
        name = (plain or double or single or number).encode()
        if source == "headers":
            parts.append((<int>PIECE_HEADER, name, 0))
        elif source == "query_params":
            parts.append((<int>PIECE_ARGUMENT, name, 0))
        elif number is not None or name.isdigit():
            parts.append((<int>PIECE_GROUP_NUMBER, b"", min(int(name), 0xFFFF)))
        else:
            parts.append((<int>PIECE_GROUP, name, 0))
    if at < len(text):
        parts.append((<int>PIECE_TEXT, _literal(text[at:], place), 0))
    template.pieces = <piece_t *>keep_room(arena, len(parts) * sizeof(piece_t))
    template.place = <uint8_t>place
    for kind, data, number in parts:
        piece = &template.pieces[template.n_pieces]
        template.n_pieces += 1
        piece.kind = kind
        piece.number = number
        keep_bytes(arena, data, &piece.text)
        if kind == PIECE_HEADER and b"_" in data:
            keep_bytes(arena, data.replace(b"_", b"-"), &piece.hyphened)
        template.has_parts |= kind != PIECE_TEXT
        template.wants_match |= kind == PIECE_GROUP or kind == PIECE_GROUP_NUMBER
    return 0


# --- a request's

cdef span_t _find(const piece_t *piece, exchange_t *exchange) noexcept nogil:
    """Empty: it is not there."""
    cdef span_t value = span_none()
    if piece.kind == PIECE_HEADER:
        # As for Kong's templates, foo_bar is foo-bar where there is no foo_bar.
        if not policy_request_value(exchange, piece.text, &value) and piece.hyphened.len:
            policy_request_value(exchange, piece.hyphened, &value)
    elif piece.kind == PIECE_ARGUMENT:
        if exchange.has_query:
            uri_query_arg(exchange_query(exchange), piece.text, &value)
    elif exchange.match != NULL:
        if piece.kind == PIECE_GROUP:
            route_match_group(exchange.match, exchange_path(exchange), piece.text, &value)
        else:
            route_match_number(exchange.match, exchange_path(exchange), piece.number, &value)
    return value


cdef inline bint _is_control(int byte) noexcept nogil:
    return byte < 0x20 or byte == 0x7f


cdef void _put(int byte, bint was_escaped, uint8_t place, writer_t *writer) noexcept nogil:
    if place == PLACE_FIELD:
        if was_escaped and _is_control(byte):
            put_escaped(writer, byte)       # decoded, %0D%0A would end the field
        else:
            put_byte(writer, byte)
    elif is_of_path(byte) if place == PLACE_PATH else is_unreserved(byte):
        put_byte(writer, byte)
    else:
        put_escaped(writer, byte)


cdef void _put_encoded(const piece_t *piece, span_t value, uint8_t place, writer_t *writer) noexcept nogil:
    """An argument or a part of the path."""
    cdef bint is_form = piece.kind == PIECE_ARGUMENT
    cdef size_t i = 0
    cdef int byte
    while i < value.len:
        byte = escape_at(value, i)
        if byte >= 0:
            if place == PLACE_PATH and not is_form:
                writer_put(writer, value.at + i, 3)
            else:
                _put(byte, True, place, writer)
            i += 3
            continue
        byte = <unsigned char>value.at[i]
        _put(c' ' if is_form and byte == c'+' else byte, False, place, writer)
        i += 1


cdef void template_render(const template_t *template, exchange_t *exchange, writer_t *writer) noexcept nogil:
    cdef const piece_t *piece
    cdef span_t value
    cdef size_t i
    cdef unsigned n
    for n in range(template.n_pieces):
        piece = &template.pieces[n]
        if piece.kind == PIECE_TEXT:
            writer_span(writer, piece.text)
            continue
        value = _find(piece, exchange)
        if piece.kind != PIECE_HEADER:
            _put_encoded(piece, value, template.place, writer)
        elif template.place == PLACE_FIELD:
            writer_span(writer, value)
        else:
            for i in range(value.len):
                _put(<unsigned char>value.at[i], False, template.place, writer)

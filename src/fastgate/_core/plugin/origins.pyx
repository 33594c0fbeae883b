"""Origins, compared without the ports that their schemes imply. What is not scheme, host and port is equal to itself only."""

from fastgate._core.base.span cimport span_ieq, span_of, span_text
from fastgate._core.plugin.pattern_list cimport VERDICT_MATCH, pattern_list_add, pattern_list_close, pattern_list_match
from fastgate._core.route.pattern cimport PATTERN_AT_START, PATTERN_TO_END
from fastgate._core.snapshot.keep cimport keep_room, keep_text

import re


cdef struct parts_t:
    # A value: of one origin; spans into it.
    span_t whole                # without a port that is the scheme's own
    span_t authority            # host and port
    span_t host                 # .len 0: this is none (as "null")


cdef size_t _find(span_t text, size_t start, char c) noexcept nogil:
    """text.len: it is not there."""
    while start < text.len and text.at[start] != c:
        start += 1
    return start


cdef bint _is_own_port(span_t scheme, span_t port) noexcept nogil:
    return (
        span_ieq(scheme, span_text(b"http")) and span_ieq(port, span_text(b"80"))
        or span_ieq(scheme, span_text(b"https")) and span_ieq(port, span_text(b"443"))
    )


cdef parts_t _split(span_t origin) noexcept nogil:
    cdef parts_t parts
    cdef size_t scheme = _find(origin, 0, c':'), start = scheme + 3, colon, i
    cdef span_t none = span_of(origin.at, 0)
    parts.whole = origin
    parts.authority = none
    parts.host = none
    if start >= origin.len or origin.at[scheme + 1] != c'/' or origin.at[scheme + 2] != c'/':
        return parts
    for i in range(start, origin.len):
        if origin.at[i] == c'/' or origin.at[i] == c'@':
            return parts                # no origin: nothing may stand in for its host
    # A colon within brackets is the address's.
    colon = _find(origin, _find(origin, start, c']') if origin.at[start] == c'[' else start, c':')
    parts.host = span_of(origin.at + start, colon - start)
    if colon < origin.len and _is_own_port(
        span_of(origin.at, scheme), span_of(origin.at + colon + 1, origin.len - colon - 1)
    ):
        parts.whole.len = colon
    parts.authority = span_of(origin.at + start, parts.whole.len - start)
    return parts


cdef bint _is_literal(const literal_t *literal, const parts_t *parts) noexcept nogil:
    if literal.names_scheme or parts.host.len == 0:
        return span_ieq(literal.text, parts.whole)
    return span_ieq(literal.text, parts.authority if literal.names_port else parts.host)


cdef bint origins_has(const origins_t *origins, span_t origin, pattern_scratch_t *scratch) noexcept nogil:
    cdef parts_t parts
    cdef unsigned i
    if origins.has_all:
        return True
    parts = _split(origin)
    for i in range(origins.n_literals):
        if _is_literal(&origins.literals[i], &parts):
            return True
    if pattern_list_match(origins.of_whole, parts.whole, scratch) == VERDICT_MATCH:
        return True
    return parts.host.len and pattern_list_match(origins.of_host, parts.host, scratch) == VERDICT_MATCH


cdef int _put_literal(origins_t *origins, arena_t *arena, str text) except -1:
    cdef literal_t *literal = &origins.literals[origins.n_literals]
    cdef parts_t parts
    scheme, separator, rest = text.partition("://")
    if separator:
        text = f"{scheme}://{rest.partition('/')[0]}"       # a path or a slash at the end is nothing of an origin's
    keep_text(arena, text, &literal.text)
    literal.names_scheme = bool(separator)
    literal.names_port = ":" in text
    parts = _split(literal.text)
    literal.text = parts.whole
    origins.n_literals += 1
    return 0


cdef int origins_build(origins_t *origins, arena_t *arena, object texts) except -1:
    if not texts or "*" in texts:
        origins.has_all = True
        return 0
    origins.literals = <literal_t *>keep_room(arena, len(texts) * sizeof(literal_t))
    for text in texts:
        if not re.search(r"[^A-Za-z0-9.:/-]", text):
            _put_literal(origins, arena, text)
        elif ":" in text:
            pattern_list_add(&origins.of_whole, arena, text, PATTERN_AT_START | PATTERN_TO_END, "cors")
        else:
            pattern_list_add(&origins.of_host, arena, text, PATTERN_AT_START | PATTERN_TO_END, "cors")
    if len(texts) == 1 and origins.n_literals:
        keep_text(arena, texts[0], &origins.only)
    return 0


cdef void origins_close(origins_t *origins) noexcept nogil:
    pattern_list_close(origins.of_whole)
    pattern_list_close(origins.of_host)

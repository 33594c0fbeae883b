"""Whether the core can compile a regular expression: the configuration's check asks before anything is built."""

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t
from fastgate._core.base.span cimport span_of
from fastgate._core.base.status cimport OK
from fastgate._core.route.pattern cimport (
    PATTERN_AT_START, pattern_close, pattern_compile, pattern_error_t, pattern_library_open, pattern_library_problem,
    pattern_t,
)


def check_pattern(str text) -> str | None:
    """What is wrong with a pattern, with its place in the UTF-8 bytes; None: nothing."""
    cdef arena_t arena
    cdef pattern_error_t error
    cdef pattern_t *pattern
    cdef bytes raw = text.encode()
    if pattern_library_open() != OK:
        return pattern_library_problem().decode()
    arena_open(&arena)
    pattern = pattern_compile(&arena, span_of(<const char *>raw, <size_t>len(raw)), PATTERN_AT_START, &error)
    if pattern != NULL:
        pattern_close(pattern)
    arena_close(&arena)
    return None if pattern != NULL else f"at byte {error.offset}: {error.message.decode()}"

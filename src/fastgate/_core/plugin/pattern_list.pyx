"""Lists of patterns, linked through pattern_t.next."""

from fastgate._core.base.span cimport span_of
from fastgate._core.base.status cimport OK
from fastgate._core.route.pattern cimport (
    pattern_close,
    pattern_compile,
    pattern_error_t,
    pattern_library_open,
    pattern_library_problem,
    pattern_match,
)

from fastgate._core.bridge.errors import SnapshotError


cdef int pattern_list_add(pattern_t **list, arena_t *arena, str text, unsigned flags, str place) except -1:
    cdef pattern_error_t error
    cdef pattern_t *pattern
    cdef bytes raw = text.encode()
    if pattern_library_open() != OK:
        raise SnapshotError(f"plugin {place}", text, pattern_library_problem().decode())
    pattern = pattern_compile(arena, span_of(<const char *>raw, <size_t>len(raw)), flags, &error)
    if pattern == NULL:
        raise SnapshotError(f"plugin {place}", text, f"at byte {error.offset}: {error.message.decode()}")
    pattern.next = list[0]
    list[0] = pattern
    return 0


cdef void pattern_list_close(pattern_t *list) noexcept nogil:
    while list != NULL:
        pattern_close(list)
        list = list.next


cdef verdict_t pattern_list_match(const pattern_t *list, span_t subject, pattern_scratch_t *scratch) noexcept nogil:
    cdef verdict_t verdict = VERDICT_NONE
    while list != NULL:
        if pattern_match(list, subject, scratch):
            return VERDICT_MATCH
        if scratch.was_stopped:
            verdict = VERDICT_UNKNOWN
        list = list.next
    return verdict

"""A plugin's regular expressions: compiled into the snapshot's arena, closed with the plugin."""

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.route.pattern cimport pattern_scratch_t, pattern_t


cdef enum verdict_t:
    VERDICT_NONE                # no pattern matches
    VERDICT_MATCH
    VERDICT_UNKNOWN             # none matches, and one was stopped by a limit


# Pushes one more onto `list`. `place`: of what, for the message. Raises SnapshotError.
cdef int pattern_list_add(pattern_t **list, arena_t *arena, str text, unsigned flags, str place) except -1
cdef void pattern_list_close(pattern_t *list) noexcept nogil

cdef verdict_t pattern_list_match(const pattern_t *list, span_t subject, pattern_scratch_t *scratch) noexcept nogil

"""Which origins may call: all, literal ones, regular expressions (cors, RFC 6454)."""

from libc.stdint cimport uint8_t, uint32_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.route.pattern cimport pattern_scratch_t, pattern_t


cdef struct literal_t:
    # Part of its origins_t. Read-only after build.
    span_t text
    uint8_t names_scheme        # compared with the whole origin, else with its authority or its host
    uint8_t names_port


cdef struct origins_t:
    # Part of a plugin's configuration; the patterns end in origins_close. Read-only after build, any thread.
    literal_t *literals
    uint32_t n_literals
    pattern_t *of_whole         # patterns with a colon in them see scheme, host and port
    pattern_t *of_host          # the others see the host alone, as in Kong
    uint8_t has_all             # none is listed, or "*" is
    span_t only                 # the one literal there is, if nothing else is; empty: there is more


# `texts`: None or a list. Raises SnapshotError. What was built before an error is origins_close's too.
cdef int origins_build(origins_t *origins, arena_t *arena, object texts) except -1
cdef void origins_close(origins_t *origins) noexcept nogil
cdef bint origins_has(const origins_t *origins, span_t origin, pattern_scratch_t *scratch) noexcept nogil

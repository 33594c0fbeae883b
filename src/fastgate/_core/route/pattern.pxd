"""Regular expressions of routes: PCRE2, bound at run time, bounded so that none can hold a reactor.

Patterns see bytes (no UTF mode); `$` means the very end. A match costs no allocation once a scratch is warm.

A match that needs more steps than its scratch allows, or whose subject is longer than PATTERN_MAX_SUBJECT,
is no match, and is counted. Both are needed: one step may scan the rest of the subject, so steps times length
bound the time. With 10,000 steps the worst pattern found takes some 40 ms, `(a+)+$` 0.1 ms.
"""

from libc.stdint cimport uint8_t, uint16_t, uint32_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t
from fastgate._core.includes.pcre2 cimport pcre2_code, pcre2_jit_stack, pcre2_match_context, pcre2_match_data


cdef enum:
    PATTERN_MAX_GROUPS = 32         # groups a match reports, the whole match (0) included
    PATTERN_MAX_SUBJECT = 8192      # bytes: what nginx, and so Kong, takes as one line of a head
    PATTERN_MESSAGE_BYTES = 192


cdef enum pattern_flag_t:
    PATTERN_AT_START = 0            # the match must begin at the first byte, as Kong's paths do
    PATTERN_ANYWHERE = 1            # it may begin anywhere: header values
    PATTERN_CASELESS = 2
    PATTERN_TO_END = 4              # the match must end with the last byte


cdef struct pattern_name_t:
    # Part of a pattern_t, in its arena. Read-only after build, any thread.
    span_t name
    uint16_t group


cdef struct pattern_t:
    # Owner: who compiled it; the struct lives in that arena, `code` dies in pattern_close.
    # read-only after build, any thread
    pcre2_code *code
    pattern_name_t *names           # (?<name>…)
    uint16_t n_names
    pattern_t *next                 # the owner's list


cdef struct pattern_error_t:
    # Owner: the caller. Filled when pattern_compile gives NULL.
    size_t offset                   # bytes into the text
    char message[PATTERN_MESSAGE_BYTES]


cdef struct pattern_scratch_t:
    # Owner and only thread: one reactor. Dies in pattern_scratch_free.
    pcre2_match_data *data          # NULL until the first match
    pcre2_match_context *context
    pcre2_jit_stack *stack
    size_t *groups                  # after a match: pairs of start and end offsets, SIZE_MAX: not set
    uint32_t match_limit
    uint8_t was_stopped             # the last match hit a limit, or had no memory: whether there is one is not known


# Loads the library once. Called with the GIL or by one thread; FAILED: see pattern_library_problem.
cdef status_t pattern_library_open() noexcept nogil
cdef const char *pattern_library_problem() noexcept nogil

# NULL: refused, or no memory; `error_out` says which. Needs pattern_library_open to have returned OK.
cdef pattern_t *pattern_compile(arena_t *arena, span_t text, unsigned flags, pattern_error_t *error_out) noexcept nogil
cdef void pattern_close(pattern_t *pattern) noexcept nogil

# The bytes every match of a PATTERN_AT_START pattern begins with, written to `out` (text.len bytes). Their number.
cdef size_t pattern_literal(span_t text, char *out) noexcept nogil

cdef pattern_scratch_t *pattern_scratch_new(uint32_t match_limit) noexcept nogil       # NULL: no memory
cdef void pattern_scratch_free(pattern_scratch_t *scratch) noexcept nogil

# The number of groups known in scratch.groups (at least 1), or 0: no match, a limit was hit, or no memory.
cdef unsigned pattern_match(const pattern_t *pattern, span_t subject, pattern_scratch_t *scratch) noexcept nogil

"""What both transformers are made of: changes of fields or arguments, in Kong's order of verbs."""

from libc.stdint cimport uint8_t, uint16_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_t
from fastgate._core.plugin.template cimport template_place_t, template_t


cdef enum verb_t:
    VERB_REMOVE
    VERB_RENAME                 # where there is one; those of the new name go
    VERB_REPLACE                # where there is one; of several, one is left
    VERB_ADD                    # where there is none
    VERB_APPEND                 # one more


cdef struct edit_t:
    # Part of its edits_t. Read-only after build.
    span_t name
    span_t new                  # rename: the new name
    template_t value            # replace, add, append
    uint8_t verb                # verb_t


cdef struct edits_t:
    # Owner: a snapshot's arena. Read-only after build.
    edit_t *edits
    uint16_t n_edits
    uint8_t wants_match


# `part`: "headers" or "querystring", of each verb in `config`. A pair without a value changes nothing (as Kong's).
cdef int edits_build(edits_t *edits, arena_t *arena, dict config, str part, template_place_t place) except -1

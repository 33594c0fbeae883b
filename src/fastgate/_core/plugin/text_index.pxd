"""An index of texts that come from Python: credentials by key, consumers and services by name."""

from libc.stdint cimport uint32_t

from fastgate._core.auth.key_index cimport key_index_t
from fastgate._core.base.arena cimport arena_t


# `items`: [(text, place), …], the index in `arena`. False: two texts are alike, and `twins_out` has where they are in `items`.
cdef bint text_index_build(key_index_t *index, arena_t *arena, list items, uint32_t *twins_out) except -1

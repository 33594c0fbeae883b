"""Test door to what plugins decide by text: origins, and the names of robots."""

from fastgate._core.base.arena cimport arena_close, arena_open, arena_t
from fastgate._core.base.span cimport span_of
from fastgate._core.plugin.bot_names cimport bot_names_has
from fastgate._core.plugin.origins cimport origins_build, origins_close, origins_has, origins_t
from fastgate._core.route.pattern cimport pattern_scratch_free, pattern_scratch_new, pattern_scratch_t

from libc.string cimport memset


def is_bot(bytes agent):
    return bool(bot_names_has(span_of(<const char *>agent, <size_t>len(agent))))


cdef class Origins:
    """Those a cors configuration lists."""
    cdef arena_t arena
    cdef origins_t origins
    cdef pattern_scratch_t *scratch

    def __cinit__(self, list texts=None):
        arena_open(&self.arena)
        memset(&self.origins, 0, sizeof(origins_t))
        self.scratch = pattern_scratch_new(10000)
        origins_build(&self.origins, &self.arena, texts)

    def __dealloc__(self):
        origins_close(&self.origins)
        pattern_scratch_free(self.scratch)
        arena_close(&self.arena)

    @property
    def only(self):
        return self.origins.only.at[:self.origins.only.len]

    def has(self, bytes origin):
        return bool(origins_has(&self.origins, span_of(<const char *>origin, <size_t>len(origin)), self.scratch))

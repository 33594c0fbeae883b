"""Networks of a configuration, made a set."""

from fastgate._core.auth.ip_set cimport ip_set_t
from fastgate._core.base.arena cimport arena_t


cdef int put_networks(ip_set_t *set, arena_t *arena, list texts) except -1     # "10.0.0.0/8", "::1"

"""Model.routes to a compiled router: the only part of routing that touches Python."""

from fastgate._core.base.arena cimport arena_t
from fastgate._core.route.router cimport router_t


# `routes`: dicts as fastgate.config makes them; a match gives positions in this list. The router and all it
# points to live in `arena`, except its patterns: call router_close before arena_close. With the GIL.
# Raises SnapshotError (a pattern, host or path that cannot be compiled) and MemoryError; nothing is left open then.
cdef router_t *routes_build(arena_t *arena, list routes) except NULL

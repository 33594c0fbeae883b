"""The end of a snapshot."""

from libc.stdint cimport uint32_t
from libc.stdlib cimport free

from fastgate._core.base.arena cimport arena_close, arena_t
from fastgate._core.observe.series cimport series_unref
from fastgate._core.route.router cimport router_close


cdef void snapshot_free(snapshot_t *snapshot) noexcept nogil:
    cdef arena_t arena
    cdef uint32_t i, k
    if snapshot.router != NULL:
        router_close(snapshot.router)
    for i in range(snapshot.n_routes):
        if snapshot.routes[i].series != NULL:
            series_unref(snapshot.routes[i].series)
        for k in range(snapshot.routes[i].n_splits):
            series_unref(snapshot.routes[i].splits[k].series)
    for i in range(snapshot.n_plugins):
        if snapshot.plugins[i].close != NULL:
            snapshot.plugins[i].close(&snapshot.plugins[i])
    free(snapshot.live)
    arena = snapshot.arena          # the snapshot lives in it
    arena_close(&arena)

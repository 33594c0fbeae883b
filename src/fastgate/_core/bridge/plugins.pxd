"""Model.plugins, compiled: configurations, and for each route the chain of what may run."""

from fastgate._core.bridge.python_phase cimport PythonQueue
from fastgate._core.snapshot.plugin cimport chain_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef class Chains:
    """Lives for one compile_snapshot."""
    cdef object model
    cdef PythonQueue python     # None: no plugin is written in Python
    cdef bint logs              # some plugin has a part in the log phase
    cdef dict kinds             # plugin name -> kind: its place in the order of priorities
    cdef list names             # by kind
    cdef dict consumers         # id -> place in snapshot.consumers
    cdef dict places            # that and the like for plugin_build
    cdef dict scopes            # (name, route id, service id, consumer id) -> place in snapshot.plugins
    cdef dict of_pairs          # (name, "route" or "service", its id) -> [(consumer, rank, place)]
    cdef set wanting            # kinds of which some configuration reads exchange.match
    cdef set keeping            # kinds of which some configuration's log reads exchange.answer
    cdef set for_some           # names configured for a consumer alone
    cdef dict built             # what a chain is made of -> its address

    cdef int build_plugins(self, snapshot_t *snapshot) except -1
    cdef int _put_global(self, snapshot_t *snapshot) except -1
    cdef const chain_t *of_route(self, snapshot_t *snapshot, dict route) except? NULL

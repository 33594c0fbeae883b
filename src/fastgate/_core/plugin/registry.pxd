"""The native plugins by name."""

from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


# Fills `plugin` from its entity of the Model. `consumers`: consumer id -> place in snapshot.consumers.
# `shared`: bridge.SharedLimits. Raises SnapshotError.
cdef int plugin_build(plugin_t *plugin, snapshot_t *snapshot, dict entity, object model, dict consumers, object shared) except -1

"""The native plugins by name."""

from fastgate._core.snapshot.plugin cimport plugin_t
from fastgate._core.snapshot.snapshot cimport snapshot_t


# Fills `plugin` from its entity of the Model. `places`: "consumers", "services" (id) and "targets" (host and port)
# to their places in the snapshot, "n_reactors", and "shared": bridge.SharedLimits. Raises SnapshotError.
cdef int plugin_build(plugin_t *plugin, snapshot_t *snapshot, dict entity, object model, dict places) except -1

"""A model, compiled."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.bridge.python_phase cimport PythonQueue
from fastgate._core.bridge.series_registry cimport SeriesRegistry
from fastgate._core.bridge.shared_limits cimport SharedLimits
from fastgate._core.snapshot.snapshot cimport snapshot_t


# `upstreams`: service id, or (host, port) of a plugin's target -> Upstream. `python`: None when no plugin is written in Python. Raises SnapshotError and MemoryError; nothing is left open then.
cdef snapshot_t *compile_snapshot(object model, dict upstreams, SeriesRegistry series, uint32_t n_reactors,
                                  uint64_t number, PythonQueue python, SharedLimits shared) except NULL

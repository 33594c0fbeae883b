"""Model.consumers, compiled."""

from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef int put_consumers(snapshot_t *snapshot, list consumers) except -1      # in the list's order

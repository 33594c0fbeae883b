"""Paths that scanners for weak servers ask for, and hardly anybody else."""

from fastgate._core.base.span cimport span_t


cdef bint probe_paths_has(span_t path) noexcept nogil       # in one of its first segments

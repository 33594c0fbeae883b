"""Field names the gateway acts on, looked up once per header."""

from libc.stdint cimport uint16_t


cdef uint16_t field_id(const char *name, size_t len) noexcept nogil     # header_id_t; HEADER_OTHER: none of ours

"""An access record as one line of text."""

from fastgate._core.base.span cimport span_t
from fastgate._core.observe.access_record cimport access_record_t
from fastgate._core.observe.access_stamp cimport access_stamp_t


cdef enum access_format_t:
    ACCESS_JSON = 0
    ACCESS_COMBINED


cdef enum:
    # Longer fields are cut to this many bytes, and "...+N" tells how many are missing.
    ACCESS_URI_BYTES = 4096
    ACCESS_FIELD_BYTES = 512        # every other field


# Room that access_format may need for this record, in bytes.
cdef size_t access_bound(const access_record_t *record) noexcept nogil

# Whether a name needs neither escape nor cut: log_name_t.is_plain.
cdef bint access_is_plain(span_t name) noexcept nogil

# Writes the line, its newline included; the number of bytes. The stamp serves one format.
cdef size_t access_format(char *out, const access_record_t *record, access_format_t format, access_stamp_t *stamp) noexcept nogil

"""JSON objects of JOSE (RFC 8259), read in place: strict, bounded, without allocation.

The members of the outermost object are found by name. Refused are: duplicate names there (RFC 7515 section 4,
RFC 7519 section 4), invalid UTF-8, escapes of half a surrogate pair, more members or more depth than the bounds.
Nested values are checked for their grammar and left as they are.
"""

from libc.stdint cimport int64_t, uint8_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t


cdef enum:
    JSON_MAX_MEMBERS = 64
    JSON_MAX_DEPTH = 32                     # the outermost object counts


cdef enum json_type_t:
    JSON_NULL
    JSON_FALSE
    JSON_TRUE
    JSON_NUMBER
    JSON_STRING
    JSON_ARRAY
    JSON_OBJECT


cdef struct json_member_t:
    # Part of a json_object_t: points into the text that was read.
    span_t name         # without quotes, escapes resolved
    span_t value        # of a string likewise; of anything else its text
    uint8_t type        # json_type_t


cdef struct json_object_t:
    # Owner: the caller. Lives as long as the text it was read from.
    unsigned n_members
    json_member_t members[JSON_MAX_MEMBERS]


cdef struct json_walk_t:
    # Owner: the caller, on the stack. Lives as long as the text.
    const char *at
    const char *end
    status_t status
    uint8_t is_begun


# Reads one object. `text` is written to: escapes are resolved where they stand. TOO_LARGE: more members or depth
# than the bounds; MALFORMED: anything else. Only after OK does `out` hold something.
cdef status_t json_read(char *text, size_t len, json_object_t *out) noexcept nogil
cdef const json_member_t *json_find(const json_object_t *json, span_t name) noexcept nogil        # NULL: none

# One object member by member, as many as there are, duplicates too, and nothing written: names are as they stand between
# their quotes, values as they stand, a string's with its quotes. False: none is left; walk.status says OK or MALFORMED.
cdef void json_walk_open(json_walk_t *walk, span_t text) noexcept nogil
cdef bint json_walk_next(json_walk_t *walk, json_member_t *member_out) noexcept nogil
cdef bint json_raw_eq(span_t raw, span_t text) noexcept nogil       # whether a string that still has its escapes means this text
cdef span_t json_unescape(span_t raw, char *out) noexcept nogil     # `out` holds raw.len bytes

# A number as thousandths, what is smaller cut off. False: not a number, or further from 1970
# than the year 9999, which as a date is absurd.
cdef bint json_number_ms(const json_member_t *member, int64_t *ms_out) noexcept nogil

# Whether one of the array's own elements is this string.
cdef bint json_array_has(span_t array, span_t text) noexcept nogil

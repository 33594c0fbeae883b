"""Request-targets, paths, hosts and query arguments (RFC 9112 section 3.2, RFC 3986).

Everything here reads hostile bytes and writes only into a buffer of the caller, whose size is given.
The spans that come out point into the input, into that buffer or at a constant; nothing is allocated.
"""

from libc.stdint cimport uint16_t, uint8_t

from fastgate._core.base.span cimport span_t
from fastgate._core.base.status cimport status_t


cdef enum:
    HOST_MAX_BYTES = 255            # RFC 1035 section 2.3.4; also room enough for any [v6] literal


cdef enum uri_form_t:
    URI_ORIGIN = 0                  # /path?query
    URI_ABSOLUTE = 1                # http://authority/path?query
    URI_ASTERISK = 2                # *


cdef struct uri_t:
    # Owner: the caller, usually on the stack. Dies with the bytes that were parsed.
    uri_form_t form
    uint8_t is_https                # absolute form only
    uint8_t has_query               # "/a?" has one, of no bytes
    span_t authority                # absolute form only: to be checked with host_parse
    span_t path                     # starts with "/", not normalised; empty in asterisk form
    span_t query                    # what follows the first "?"


cdef struct host_t:
    # Owner: the caller. `name` lives in the buffer given to host_parse.
    span_t name                     # lower case; a v6 literal keeps its brackets
    uint16_t port                   # 0: none was given


# OK; MALFORMED: empty, a byte outside 0x21..0x7e, "#", or none of the three forms.
cdef status_t uri_parse(span_t target, uri_t *uri_out) noexcept nogil

# Kong's normal form, for matching and for the upstream: unreserved escapes decoded, the hex of others
# in upper case, dot segments removed, slashes merged. The result is never longer than `path`, normalising
# it again changes nothing, and it never climbs above "/". `path_out` is `path` itself when nothing had to
# change (`out` is then untouched). OK; TOO_LARGE: cap < path.len; MALFORMED: does not start with "/".
cdef status_t uri_normalise(span_t path, char *out, size_t cap, span_t *path_out) noexcept nogil

# A Host field or an authority without userinfo. OK; MALFORMED: empty, userinfo, a byte no host has,
# port not 1..65535, longer than HOST_MAX_BYTES; TOO_LARGE: the name does not fit `cap`.
cdef status_t host_parse(span_t text, char *out, size_t cap, host_t *host_out) noexcept nogil

# The path for the upstream, `path_handling` v0 of Kong: `base` is service.path (empty: "/"), `path` the
# normalised request path, of which the first `prefix_len` bytes matched. The query is the caller's.
# OK; TOO_LARGE: more than `cap` bytes (base.len + path.len + 1 always do).
cdef status_t uri_join(span_t base, span_t path, size_t prefix_len, bint is_stripped,
                       char *out, size_t cap, span_t *joined_out) noexcept nogil

# The first value of a query argument, still encoded; names compare decoded ("+" is a space).
# An argument without "=" has an empty value. False: there is none.
cdef bint uri_query_arg(span_t query, span_t name, span_t *value_out) noexcept nogil

# Whether an argument's name, as it stands in a query, is this one once decoded.
cdef bint uri_name_eq(span_t encoded, span_t name) noexcept nogil

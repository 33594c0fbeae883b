"""Request-targets, paths, hosts and query arguments: parsing and Kong's normal form."""

from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memchr, memcpy

from fastgate._core.base.span cimport ascii_lower, span_ieq, span_of, span_t
from fastgate._core.base.status cimport MALFORMED, OK, TOO_LARGE, status_t
from fastgate._core.http.percent cimport escape_at, hex_upper, hex_value, is_sub_delim, is_unreserved


cdef extern from "arpa/inet.h" nogil:
    enum: AF_INET6
    int inet_pton(int family, const char *text, void *address)


cdef enum:
    V6_TEXT_BYTES = 46          # INET6_ADDRSTRLEN, with its NUL


# ---- request-target

cdef status_t uri_parse(span_t target, uri_t *uri_out) noexcept nogil:
    cdef span_t rest = target
    cdef size_t i, scheme_len = 0
    cdef uint8_t c
    uri_out.form = URI_ORIGIN
    uri_out.is_https = False
    uri_out.has_query = False
    uri_out.authority = span_of(NULL, 0)
    uri_out.path = span_of(NULL, 0)
    uri_out.query = span_of(NULL, 0)
    if target.len == 0:
        return MALFORMED
    for i in range(target.len):
        c = <uint8_t>target.at[i]
        if c <= 0x20 or c >= 0x7f or c == c'#':
            return MALFORMED
    if target.at[0] != c'/':
        if target.len == 1 and target.at[0] == c'*':
            uri_out.form = URI_ASTERISK
            return OK
        if target.len > 7 and span_ieq(span_of(target.at, 7), span_of(b"http://", 7)):
            scheme_len = 7
        elif target.len > 8 and span_ieq(span_of(target.at, 8), span_of(b"https://", 8)):
            scheme_len = 8
            uri_out.is_https = True
        else:
            return MALFORMED
        uri_out.form = URI_ABSOLUTE
        rest = span_of(target.at + scheme_len, target.len - scheme_len)
        for i in range(rest.len):
            if rest.at[i] == c'/' or rest.at[i] == c'?':
                break
        else:
            i = rest.len
        if i == 0:
            return MALFORMED
        uri_out.authority = span_of(rest.at, i)
        rest = span_of(rest.at + i, rest.len - i)
    for i in range(rest.len):
        if rest.at[i] == c'?':
            uri_out.has_query = True
            uri_out.query = span_of(rest.at + i + 1, rest.len - i - 1)
            rest.len = i
            break
    # RFC 9112 section 3.2.2 by way of RFC 9110 section 4.2.3: an empty path is "/".
    uri_out.path = rest if rest.len else span_of(b"/", 1)
    return OK


# ---- normal form of a path

cdef inline bint _is_normal(span_t path) noexcept nogil:
    """Whether nothing in the path could need a change: no escape, no "//", no segment that starts with a dot."""
    cdef size_t i
    cdef char before = 0
    cdef char c
    for i in range(path.len):
        c = path.at[i]
        if c == c'%' or (before == c'/' and (c == c'/' or c == c'.')):
            return False
        before = c
    return True


cdef inline size_t _drop_dots(const char *out, size_t n) noexcept nogil:
    """The length of `out` once its last segment, if it is "." or "..", has taken effect."""
    if out[n - 1] != c'.':
        return n
    if out[n - 2] == c'/':
        return n - 1
    if out[n - 2] != c'.' or out[n - 3] != c'/':
        return n
    n -= 3                      # at the slash before ".."
    while n > 0 and out[n - 1] != c'/':
        n -= 1
    return n if n else 1        # above the root is the root


cdef inline bint _has_stray_percent(const char *out, size_t n) noexcept nogil:
    """Whether `out` ends in a "%" that starts no escape yet but would with a digit more.
    Such a digit stays escaped: "%%32e" decoded would be "%2e", a dot to whoever decodes next."""
    return out[n - 1] == c'%' or (n > 1 and out[n - 2] == c'%' and hex_value(out[n - 1]) >= 0)


cdef status_t uri_normalise(span_t path, char *out, size_t cap, span_t *path_out) noexcept nogil:
    cdef size_t i = 0, n = 0
    cdef int byte
    cdef char c
    path_out[0] = path
    if path.len == 0 or path.at[0] != c'/':
        return MALFORMED
    if _is_normal(path):
        return OK
    if cap < path.len:
        return TOO_LARGE
    # `out` starts with "/" from the first turn on, so the looks back below stay inside it.
    while i < path.len:
        c = path.at[i]
        byte = escape_at(path, i)
        if byte >= 0:
            if is_unreserved(byte) and not (hex_value(<char>byte) >= 0 and _has_stray_percent(out, n)):
                out[n] = <char>byte
                n += 1
            else:
                out[n] = c'%'
                out[n + 1] = hex_upper(byte >> 4)
                out[n + 2] = hex_upper(byte & 15)
                n += 3
            i += 3
            continue
        i += 1
        if c == c'/' and n > 0:
            n = _drop_dots(out, n)
            if out[n - 1] == c'/':
                continue
        out[n] = c
        n += 1
    path_out[0] = span_of(out, _drop_dots(out, n))
    return OK


# ---- host

cdef bint _is_v6(span_t text) noexcept nogil:
    """Whether the text between the brackets is an IPv6 address. Zones and IPvFuture are not accepted."""
    cdef char copy[V6_TEXT_BYTES]
    cdef uint32_t address[4]
    if text.len == 0 or text.len >= V6_TEXT_BYTES or memchr(text.at, 0, text.len) != NULL:
        return False
    memcpy(copy, text.at, text.len)
    copy[text.len] = 0
    return inet_pton(AF_INET6, copy, address) == 1


cdef status_t _port_parse(span_t digits, uint16_t *port_out) noexcept nogil:
    """RFC 3986 section 3.2.3: digits, perhaps none at all."""
    cdef uint32_t port = 0
    cdef size_t i
    port_out[0] = 0
    if digits.len == 0:
        return OK
    for i in range(digits.len):
        if not c'0' <= digits.at[i] <= c'9':
            return MALFORMED
        port = port * 10 + <uint32_t>(digits.at[i] - c'0')
        if port > 65535:
            return MALFORMED
    if port == 0:
        return MALFORMED
    port_out[0] = <uint16_t>port
    return OK


cdef status_t host_parse(span_t text, char *out, size_t cap, host_t *host_out) noexcept nogil:
    cdef size_t name_len, i = 0
    cdef const char *bracket
    host_out.name = span_of(NULL, 0)
    host_out.port = 0
    if text.len == 0:
        return MALFORMED
    if text.at[0] == c'[':
        bracket = <const char *>memchr(text.at, c']', text.len)
        if bracket == NULL:
            return MALFORMED
        name_len = <size_t>(bracket - text.at) + 1
        if not _is_v6(span_of(text.at + 1, name_len - 2)):
            return MALFORMED
    else:
        while i < text.len and text.at[i] != c':':
            if escape_at(text, i) >= 0:
                i += 3
            elif is_unreserved(text.at[i]) or is_sub_delim(text.at[i]):
                i += 1
            else:
                return MALFORMED
        name_len = i
    if name_len == 0 or name_len > HOST_MAX_BYTES:
        return MALFORMED
    if name_len < text.len:
        if text.at[name_len] != c':':
            return MALFORMED
        if _port_parse(span_of(text.at + name_len + 1, text.len - name_len - 1), &host_out.port) != OK:
            return MALFORMED
    if name_len > cap:
        return TOO_LARGE
    for i in range(name_len):
        out[i] = ascii_lower(text.at[i])
    host_out.name = span_of(out, name_len)
    return OK


# ---- path for the upstream

cdef inline span_t _without_dots(span_t rest) noexcept nogil:
    """A rest that starts in the middle of a segment must not become a dot segment of its own
    (prefix "/a", request "/a../b": the rest "../b" would climb out of the service's path)."""
    if rest.len and rest.at[0] == c'.':
        if rest.len == 1 or (rest.len == 2 and rest.at[1] == c'.'):
            return span_of(rest.at, 0)
        if rest.at[1] == c'/':
            return span_of(rest.at + 2, rest.len - 2)
        if rest.at[1] == c'.' and rest.at[2] == c'/':
            return span_of(rest.at + 3, rest.len - 3)
    return rest


cdef status_t uri_join(span_t base, span_t path, size_t prefix_len, bint is_stripped,
                       char *out, size_t cap, span_t *joined_out) noexcept nogil:
    cdef span_t rest
    cdef bint has_slash, base_ends
    joined_out[0] = span_of(out, 0)
    if base.len == 0:
        base = span_of(b"/", 1)
    if path.len == 0 or prefix_len > path.len:
        return MALFORMED
    base_ends = base.at[base.len - 1] == c'/'
    base.len -= base_ends
    if not is_stripped:
        rest = span_of(path.at + 1, path.len - 1)
        has_slash = rest.len > 0 or base_ends
    else:
        rest = _without_dots(span_of(path.at + prefix_len, path.len - prefix_len))
        if rest.len == 0:
            # Nothing follows the base: the request's own trailing slash decides.
            has_slash = path.at[path.len - 1] == c'/' and (path.len > 1 or base_ends)
        else:
            has_slash = True
            if rest.at[0] == c'/':
                rest = span_of(rest.at + 1, rest.len - 1)
    if base.len == 0:
        has_slash = True
    if base.len > cap or rest.len > cap - base.len or <size_t>has_slash > cap - base.len - rest.len:
        return TOO_LARGE
    memcpy(out, base.at, base.len)
    if has_slash:
        out[base.len] = c'/'
        base.len += 1
    memcpy(out + base.len, rest.at, rest.len)
    joined_out[0] = span_of(out, base.len + rest.len)
    return OK


# ---- query

cdef bint uri_name_eq(span_t encoded, span_t name) noexcept nogil:
    cdef size_t i = 0, k = 0
    cdef int c
    while i < encoded.len:
        c = escape_at(encoded, i)
        if c >= 0:
            i += 3
        else:
            c = c' ' if encoded.at[i] == c'+' else <uint8_t>encoded.at[i]
            i += 1
        if k == name.len or <uint8_t>name.at[k] != c:
            return False
        k += 1
    return k == name.len


cdef bint uri_query_arg(span_t query, span_t name, span_t *value_out) noexcept nogil:
    cdef const char *end
    cdef const char *equals
    cdef size_t pair_len, name_len
    value_out[0] = span_of(NULL, 0)
    while query.len:
        end = <const char *>memchr(query.at, c'&', query.len)
        pair_len = <size_t>(end - query.at) if end != NULL else query.len
        if pair_len:
            equals = <const char *>memchr(query.at, c'=', pair_len)
            name_len = <size_t>(equals - query.at) if equals != NULL else pair_len
            if uri_name_eq(span_of(query.at, name_len), name):
                if equals != NULL:
                    value_out[0] = span_of(equals + 1, pair_len - name_len - 1)
                return True
        if end == NULL:
            break
        query = span_of(end + 1, query.len - pair_len - 1)
    return False

"""The scanner: one pass, no recursion, one status for the whole text."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcmp

from fastgate._core.base.span cimport span_eq, span_of, span_t
from fastgate._core.base.status cimport MALFORMED, OK, TOO_LARGE, status_t


cdef struct scan_t:
    uint8_t *at
    uint8_t *end
    status_t status     # why a function gave False


cdef enum expect_t:
    EXPECT_VALUE
    EXPECT_VALUE_OR_END
    EXPECT_NAME
    EXPECT_NAME_OR_END
    EXPECT_COMMA_OR_END


cdef inline bint _fail(scan_t *scan, status_t status) noexcept nogil:
    scan.status = status
    return False


cdef inline void _skip_blanks(scan_t *scan) noexcept nogil:
    while scan.at < scan.end and (scan.at[0] == c' ' or scan.at[0] == c'\n' or scan.at[0] == c'\t' or scan.at[0] == c'\r'):
        scan.at += 1


cdef inline bint _take(scan_t *scan, char c) noexcept nogil:
    """Past blanks and then this byte, if it is there."""
    _skip_blanks(scan)
    if scan.at == scan.end or scan.at[0] != <uint8_t>c:
        return False
    scan.at += 1
    return True


# ---- strings

cdef unsigned _utf8_len(const uint8_t *at, const uint8_t *end) noexcept nogil:
    """Bytes of the well-formed sequence (RFC 3629) that begins with this byte above 0x7F; 0: none does."""
    cdef uint8_t first = at[0]
    cdef size_t left = <size_t>(end - at)
    if 0xC2 <= first <= 0xDF:
        return 2 if left >= 2 and at[1] & 0xC0 == 0x80 else 0
    if 0xE0 <= first <= 0xEF:
        if left < 3 or at[1] & 0xC0 != 0x80 or at[2] & 0xC0 != 0x80:
            return 0
        if (first == 0xE0 and at[1] < 0xA0) or (first == 0xED and at[1] > 0x9F):
            return 0
        return 3
    if 0xF0 <= first <= 0xF4:
        if left < 4 or at[1] & 0xC0 != 0x80 or at[2] & 0xC0 != 0x80 or at[3] & 0xC0 != 0x80:
            return 0
        if (first == 0xF0 and at[1] < 0x90) or (first == 0xF4 and at[1] > 0x8F):
            return 0
        return 4
    return 0


cdef int _hex4(const uint8_t *at) noexcept nogil:
    """Four hexadecimal digits; -1: not that."""
    cdef int value = 0
    cdef unsigned i
    cdef uint8_t c
    for i in range(4):
        c = at[i]
        if c'0' <= c <= c'9':
            value = value << 4 | (c - 48)
        elif c'a' <= (c | 0x20) <= c'f':
            value = value << 4 | ((c | 0x20) - 87)
        else:
            return -1
    return value


cdef unsigned _put_utf8(uint32_t code, uint8_t *out) noexcept nogil:
    if code < 0x80:
        out[0] = <uint8_t>code
        return 1
    if code < 0x800:
        out[0] = <uint8_t>(0xC0 | code >> 6)
        out[1] = <uint8_t>(0x80 | (code & 63))
        return 2
    if code < 0x10000:
        out[0] = <uint8_t>(0xE0 | code >> 12)
        out[1] = <uint8_t>(0x80 | (code >> 6 & 63))
        out[2] = <uint8_t>(0x80 | (code & 63))
        return 3
    out[0] = <uint8_t>(0xF0 | code >> 18)
    out[1] = <uint8_t>(0x80 | (code >> 12 & 63))
    out[2] = <uint8_t>(0x80 | (code >> 6 & 63))
    out[3] = <uint8_t>(0x80 | (code & 63))
    return 4


cdef unsigned _escape_read(const uint8_t *at, const uint8_t *end, uint8_t *out, unsigned *n_out) noexcept nogil:
    """What the escape at this backslash means, one to four bytes in `out`. The escape's length; 0: malformed."""
    cdef size_t left = <size_t>(end - at)
    cdef int code, second
    cdef uint8_t c = at[1] if left > 1 else 0
    n_out[0] = 1
    if c == c'"' or c == c'\\' or c == c'/':
        out[0] = c
    elif c == c'b':
        out[0] = 8
    elif c == c'f':
        out[0] = 12
    elif c == c'n':
        out[0] = 10
    elif c == c'r':
        out[0] = 13
    elif c == c't':
        out[0] = 9
    elif c == c'u':
        code = _hex4(at + 2) if left >= 6 else -1
        if code < 0 or 0xDC00 <= code <= 0xDFFF:
            return 0
        if code < 0xD800 or code > 0xDFFF:
            n_out[0] = _put_utf8(<uint32_t>code, out)
            return 6
        second = _hex4(at + 8) if left >= 12 and at[6] == c'\\' and at[7] == c'u' else -1
        if second < 0xDC00 or second > 0xDFFF:
            return 0
        n_out[0] = _put_utf8(<uint32_t>(0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00)), out)
        return 12
    else:
        return 0
    return 2


cdef bint _string(scan_t *scan, bint resolve, span_t *out) noexcept nogil:
    """From the opening quote past the closing one. Resolved, an escape gives way to what it means, in place."""
    cdef uint8_t *at = scan.at + 1
    cdef uint8_t *start = at
    cdef uint8_t *to = at
    cdef uint8_t meant[4]
    cdef unsigned n, len, i
    cdef uint8_t c
    while at < scan.end:
        c = at[0]
        if c == c'"':
            out[0] = span_of(<const char *>start, <size_t>((to if resolve else at) - start))
            scan.at = at + 1
            return True
        if c == c'\\':
            len = _escape_read(at, scan.end, meant, &n)
            if len == 0:
                return _fail(scan, MALFORMED)
            if resolve:
                for i in range(n):
                    to[i] = meant[i]
                to += n
            at += len
            continue
        if c < 0x20:
            return _fail(scan, MALFORMED)
        n = 1 if c < 0x80 else _utf8_len(at, scan.end)
        if n == 0:
            return _fail(scan, MALFORMED)
        if resolve and to != at:
            for i in range(n):
                to[i] = at[i]
        to += n
        at += n
    return _fail(scan, MALFORMED)


# ---- other values

cdef inline bint _digits(scan_t *scan) noexcept nogil:
    """Past one or more digits."""
    cdef uint8_t *start = scan.at
    while scan.at < scan.end and c'0' <= scan.at[0] <= c'9':
        scan.at += 1
    return scan.at > start


cdef bint _number(scan_t *scan) noexcept nogil:
    if scan.at < scan.end and scan.at[0] == c'-':
        scan.at += 1
    if scan.at < scan.end and scan.at[0] == c'0':
        scan.at += 1
    elif not _digits(scan):
        return _fail(scan, MALFORMED)
    if scan.at < scan.end and scan.at[0] == c'.':
        scan.at += 1
        if not _digits(scan):
            return _fail(scan, MALFORMED)
    if scan.at < scan.end and scan.at[0] | 0x20 == c'e':
        scan.at += 1
        if scan.at < scan.end and (scan.at[0] == c'+' or scan.at[0] == c'-'):
            scan.at += 1
        if not _digits(scan):
            return _fail(scan, MALFORMED)
    return True


cdef bint _literal(scan_t *scan, const char *text, size_t len) noexcept nogil:
    if <size_t>(scan.end - scan.at) < len or memcmp(scan.at, text, len) != 0:
        return _fail(scan, MALFORMED)
    scan.at += len
    return True


cdef bint _scalar(scan_t *scan, bint resolve, json_member_t *out) noexcept nogil:
    """A string, a number, true, false or null: its type and value."""
    cdef uint8_t *start = scan.at
    cdef bint is_good
    cdef uint8_t c = start[0]
    if c == c'"':
        out.type = JSON_STRING
        return _string(scan, resolve, &out.value)
    if c == c't':
        out.type = JSON_TRUE
        is_good = _literal(scan, b"true", 4)
    elif c == c'f':
        out.type = JSON_FALSE
        is_good = _literal(scan, b"false", 5)
    elif c == c'n':
        out.type = JSON_NULL
        is_good = _literal(scan, b"null", 4)
    else:
        out.type = JSON_NUMBER
        is_good = _number(scan)
    out.value = span_of(<const char *>start, <size_t>(scan.at - start))
    return is_good


cdef bint _nested(scan_t *scan) noexcept nogil:
    """Past an array or an object that stands in the outermost one. A bit for each level: whether it is an object."""
    cdef uint64_t objects = 0
    cdef unsigned depth = 0
    cdef json_member_t ignored
    cdef unsigned expect = EXPECT_VALUE
    cdef bint is_object
    cdef uint8_t c
    while True:
        _skip_blanks(scan)
        if scan.at == scan.end:
            return _fail(scan, MALFORMED)
        c = scan.at[0]
        is_object = objects & 1
        if (c == c'}' and is_object and (expect == EXPECT_COMMA_OR_END or expect == EXPECT_NAME_OR_END)
                or c == c']' and not is_object and (expect == EXPECT_COMMA_OR_END or expect == EXPECT_VALUE_OR_END)):
            scan.at += 1
            objects >>= 1
            depth -= 1
            if depth == 0:
                return True
            expect = EXPECT_COMMA_OR_END
        elif expect == EXPECT_COMMA_OR_END:
            if c != c',':
                return _fail(scan, MALFORMED)
            scan.at += 1
            expect = EXPECT_NAME if is_object else EXPECT_VALUE
        elif expect == EXPECT_NAME or expect == EXPECT_NAME_OR_END:
            if c != c'"' or not _string(scan, False, &ignored.name) or not _take(scan, c':'):
                return _fail(scan, MALFORMED)
            expect = EXPECT_VALUE
        elif c == c'{' or c == c'[':
            depth += 1
            if depth >= JSON_MAX_DEPTH:
                return _fail(scan, TOO_LARGE)
            scan.at += 1
            objects = objects << 1 | (c == c'{')
            expect = EXPECT_NAME_OR_END if c == c'{' else EXPECT_VALUE_OR_END
        elif _scalar(scan, False, &ignored):
            expect = EXPECT_COMMA_OR_END
        else:
            return False


cdef bint _value(scan_t *scan, bint resolve, json_member_t *out) noexcept nogil:
    cdef uint8_t *start
    _skip_blanks(scan)
    if scan.at == scan.end:
        return _fail(scan, MALFORMED)
    start = scan.at
    if start[0] != c'{' and start[0] != c'[':
        return _scalar(scan, resolve, out)
    out.type = JSON_OBJECT if start[0] == c'{' else JSON_ARRAY
    if not _nested(scan):
        return False
    out.value = span_of(<const char *>start, <size_t>(scan.at - start))
    return True


# ---- the outermost object

cdef bint _member(scan_t *scan, json_object_t *out) noexcept nogil:
    cdef json_member_t *member = &out.members[out.n_members]
    _skip_blanks(scan)
    if scan.at == scan.end or scan.at[0] != c'"':
        return _fail(scan, MALFORMED)
    if out.n_members == JSON_MAX_MEMBERS:
        return _fail(scan, TOO_LARGE)
    if not _string(scan, True, &member.name):
        return False
    if json_find(out, member.name) != NULL or not _take(scan, c':'):
        return _fail(scan, MALFORMED)
    if not _value(scan, True, member):
        return False
    out.n_members += 1
    return True


cdef status_t json_read(char *text, size_t len, json_object_t *out) noexcept nogil:
    cdef scan_t scan
    scan.at = <uint8_t *>text
    scan.end = scan.at + len
    scan.status = MALFORMED
    out.n_members = 0
    if not _take(&scan, c'{'):
        return MALFORMED
    if not _take(&scan, c'}'):
        while True:
            if not _member(&scan, out):
                return scan.status
            if _take(&scan, c'}'):
                break
            if not _take(&scan, c','):
                return MALFORMED
    _skip_blanks(&scan)
    return OK if scan.at == scan.end else MALFORMED


cdef const json_member_t *json_find(const json_object_t *json, span_t name) noexcept nogil:
    cdef unsigned i
    for i in range(json.n_members):
        if span_eq(json.members[i].name, name):
            return &json.members[i]
    return NULL


# ---- member by member

cdef void json_walk_open(json_walk_t *walk, span_t text) noexcept nogil:
    walk.at = text.at
    walk.end = text.at + text.len
    walk.status = OK
    walk.is_begun = False


cdef bint _end(scan_t *scan, json_walk_t *walk) noexcept nogil:
    _skip_blanks(scan)
    walk.status = OK if scan.at == scan.end else MALFORMED
    return False


cdef bint json_walk_next(json_walk_t *walk, json_member_t *member_out) noexcept nogil:
    cdef scan_t scan
    cdef const uint8_t *start
    scan.at = <uint8_t *>walk.at
    scan.end = <uint8_t *>walk.end
    scan.status = MALFORMED
    walk.status = MALFORMED
    if not walk.is_begun:
        if not _take(&scan, c'{'):
            return False
        if _take(&scan, c'}'):
            return _end(&scan, walk)
    elif _take(&scan, c'}'):
        return _end(&scan, walk)
    elif not _take(&scan, c','):
        return False
    walk.is_begun = True
    _skip_blanks(&scan)
    if scan.at == scan.end or scan.at[0] != c'"' or not _string(&scan, False, &member_out.name) or not _take(&scan, c':'):
        return False
    _skip_blanks(&scan)
    start = scan.at
    if not _value(&scan, False, member_out):
        return False
    member_out.value = span_of(<const char *>start, <size_t>(scan.at - start))
    walk.at = <const char *>scan.at
    walk.status = OK
    return True


cdef span_t json_unescape(span_t raw, char *out) noexcept nogil:
    cdef const uint8_t *at = <const uint8_t *>raw.at
    cdef const uint8_t *end = at + raw.len
    cdef uint8_t *to = <uint8_t *>out
    cdef unsigned n
    while at < end:
        if at[0] == c'\\':
            at += _escape_read(at, end, to, &n)
            to += n
        else:
            to[0] = at[0]
            to += 1
            at += 1
    return span_of(out, <size_t>(to - <uint8_t *>out))


# ---- reading values

cdef bint json_number_ms(const json_member_t *member, int64_t *ms_out) noexcept nogil:
    # 18 significant digits are kept: more than a date within the bound has before its last thousandth.
    cdef const char *at = member.value.at
    cdef const char *end = at + member.value.len
    cdef uint64_t most = 253402300799ULL * 1000      # the last second of 9999
    cdef uint64_t digits = 0
    cdef unsigned kept = 0
    cdef int64_t scale = 3, exponent = 0
    cdef bint is_negative, is_fraction = False, is_negative_exponent
    if member.type != JSON_NUMBER:
        return False
    is_negative = at[0] == c'-'
    at += is_negative
    while at < end and at[0] | 0x20 != c'e':
        if at[0] == c'.':
            is_fraction = True
        elif kept == 18:
            scale += not is_fraction
        else:
            digits = digits * 10 + <uint64_t>(at[0] - 48)
            kept += digits != 0
            scale -= is_fraction
        at += 1
    if at < end:
        at += 1
        is_negative_exponent = at[0] == c'-'
        at += at[0] == c'-' or at[0] == c'+'
        while at < end:
            if exponent < 1000000000:
                exponent = exponent * 10 + (at[0] - 48)
            at += 1
        scale += -exponent if is_negative_exponent else exponent
    while scale < 0 and digits != 0:
        digits //= 10
        scale += 1
    while scale > 0 and 0 < digits <= most:
        digits *= 10
        scale -= 1
    if digits > most:
        return False
    ms_out[0] = -<int64_t>digits if is_negative else <int64_t>digits
    return True


cdef bint json_raw_eq(span_t raw, span_t text) noexcept nogil:
    cdef const uint8_t *at = <const uint8_t *>raw.at
    cdef const uint8_t *end = at + raw.len
    cdef uint8_t meant[4]
    cdef unsigned n, len
    cdef size_t seen = 0
    while at < end:
        meant[0] = at[0]
        n = 1
        len = 1 if at[0] != c'\\' else _escape_read(at, end, meant, &n)
        if n > text.len - seen or memcmp(meant, text.at + seen, n) != 0:
            return False
        seen += n
        at += len
    return seen == text.len


cdef bint json_array_has(span_t array, span_t text) noexcept nogil:
    cdef scan_t scan
    cdef json_member_t element
    scan.at = <uint8_t *>array.at + 1
    scan.end = <uint8_t *>array.at + array.len
    scan.status = OK
    while _value(&scan, False, &element):       # at the "]" of an empty array there is none
        if element.type == JSON_STRING and json_raw_eq(element.value, text):
            return True
        if not _take(&scan, c','):
            break
    return False

"""Header criteria of routes, tested against one request. Inline: the router calls this for each candidate."""

from libc.stdint cimport uint32_t, uint64_t

from fastgate._core.base.span cimport ascii_lower, span_ieq, span_t
from fastgate._core.http.message cimport header_t, header_value, message_find_name, message_t
from fastgate._core.route.pattern cimport pattern_match, pattern_scratch_t, pattern_t


cdef enum:
    PREDICATE_MEMO_SLOTS = 4        # a power of two


cdef struct header_rule_t:
    # Owner: a router's arena. Read-only after build, any thread.
    span_t name                     # lower case
    span_t *values
    uint64_t *hashes                # of the values: value_hash
    const pattern_t *pattern        # instead of values
    uint32_t n_values
    uint32_t name_id                # from 1; the same for the same name in all rules of a router


cdef struct predicate_t:
    # All must fit. Owner: a router's arena. Read-only after build, any thread.
    header_rule_t *headers
    uint32_t n_headers


cdef struct header_memo_t:
    # What was found out about one field name in this request. Owner: one match, on its stack.
    uint32_t name_id                # 0: slot unused
    const header_t *first           # NULL: the request has none
    uint64_t hash                   # of the first one's value


cdef inline uint64_t value_hash(span_t value) noexcept nogil:
    """Of a value without regard to ASCII case (FNV-1a). Only sorts out; spans are compared afterwards."""
    cdef uint64_t h = <uint64_t>0xcbf29ce484222325
    cdef size_t i
    for i in range(value.len):
        h = (h ^ <unsigned char>ascii_lower(value.at[i])) * <uint64_t>0x100000001b3
    return h


cdef inline bint value_fits(const header_rule_t *rule, span_t value, uint64_t hash, pattern_scratch_t *scratch) noexcept nogil:
    cdef uint32_t i
    if rule.pattern != NULL:
        return scratch != NULL and pattern_match(rule.pattern, value, scratch) != 0
    for i in range(rule.n_values):
        if rule.hashes[i] == hash and span_ieq(rule.values[i], value):
            return True
    return False


cdef inline bint header_fits(const header_rule_t *rule, const message_t *message, header_memo_t *memo, pattern_scratch_t *scratch) noexcept nogil:
    """Whether any field of that name has any of the values. The memo makes thousands of rules on one name cheap."""
    cdef header_memo_t *slot = &memo[rule.name_id & (PREDICATE_MEMO_SLOTS - 1)]
    cdef const header_t *header
    cdef span_t value
    if slot.name_id != rule.name_id:
        slot.name_id = rule.name_id
        slot.first = message_find_name(message, rule.name, 0)
        if slot.first != NULL:
            slot.hash = value_hash(header_value(message, slot.first))
    header = slot.first
    if header == NULL:
        return False
    if value_fits(rule, header_value(message, header), slot.hash, scratch):
        return True
    while True:
        header = message_find_name(message, rule.name, <unsigned>(header - message.headers) + 1)
        if header == NULL:
            return False
        value = header_value(message, header)
        if value_fits(rule, value, value_hash(value), scratch):
            return True


cdef inline bint predicate_fits(const predicate_t *predicate, const message_t *message, header_memo_t *memo, pattern_scratch_t *scratch) noexcept nogil:
    cdef uint32_t i
    for i in range(predicate.n_headers):
        if not header_fits(&predicate.headers[i], message, memo, scratch):
            return False
    return True

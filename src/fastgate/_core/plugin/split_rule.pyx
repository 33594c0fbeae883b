"""Conditions on a request, compiled and tried."""

from libc.stdint cimport uint32_t

from fastgate._core.base.arena cimport arena_t
from fastgate._core.base.span cimport span_eq, span_of, span_t
from fastgate._core.base.writer cimport writer_open, writer_t
from fastgate._core.http.cookie cimport cookie_find
from fastgate._core.http.percent cimport escape_at, put_byte
from fastgate._core.http.uri cimport uri_query_arg
from fastgate._core.plugin.pattern_list cimport VERDICT_MATCH, pattern_list_add, pattern_list_close, pattern_list_match
from fastgate._core.proxy.exchange cimport LANE_OUTPUT_BYTES, exchange_path, exchange_query, exchange_t
from fastgate._core.proxy.policy cimport policy_request_value
from fastgate._core.route.pattern cimport PATTERN_ANYWHERE, PATTERN_AT_START
from fastgate._core.snapshot.keep cimport keep_room, keep_text
from fastgate._core.snapshot.plugin cimport consumer_t


cdef span_t _decoded(exchange_t *exchange, span_t encoded) noexcept nogil:
    """An argument's value as it is meant; in the lane's room, for as long as a condition is tried."""
    cdef writer_t writer
    cdef size_t i = 0
    cdef int byte
    writer_open(&writer, exchange.lane.output, LANE_OUTPUT_BYTES)
    while i < encoded.len:
        byte = escape_at(encoded, i)
        if byte >= 0:
            put_byte(&writer, byte)
            i += 3
        else:
            put_byte(&writer, c' ' if encoded.at[i] == c'+' else encoded.at[i])
            i += 1
    return span_of(exchange.lane.output, <size_t>(writer.at - exchange.lane.output))


cdef bint _find(const split_condition_t *condition, exchange_t *exchange, span_t *value_out) noexcept nogil:
    if condition.subject == SPLIT_PATH:
        value_out[0] = exchange_path(exchange)
        return True
    if condition.subject == SPLIT_HEADER:
        return policy_request_value(exchange, condition.name, value_out)
    if condition.subject == SPLIT_COOKIE:
        return cookie_find(&exchange.request, condition.name, value_out)
    if not exchange.has_query or not uri_query_arg(exchange_query(exchange), condition.name, value_out):
        return False
    if not condition.is_any:
        value_out[0] = _decoded(exchange, value_out[0])
    return True


cdef bint _fits_value(const split_condition_t *condition, exchange_t *exchange) noexcept nogil:
    cdef span_t value
    cdef uint32_t i
    if not _find(condition, exchange, &value):
        return False
    if condition.is_any:
        return True
    for i in range(condition.n_texts):
        if span_eq(value, condition.texts[i]):
            return True
    for i in range(condition.n_prefixes):
        if value.len >= condition.prefixes[i].len and span_eq(span_of(value.at, condition.prefixes[i].len), condition.prefixes[i]):
            return True
    return pattern_list_match(condition.patterns, value, exchange.lane.scratch) == VERDICT_MATCH


cdef bint _fits(const split_condition_t *condition, exchange_t *exchange) noexcept nogil:
    cdef const consumer_t *consumer = exchange.consumer
    cdef uint32_t i, k
    if condition.subject != SPLIT_CONSUMER and condition.subject != SPLIT_GROUP:
        return _fits_value(condition, exchange)
    if consumer == NULL:
        return False
    for i in range(condition.n_consumers):
        if condition.consumers[i] == consumer:
            return True
    for i in range(condition.n_texts):
        for k in range(consumer.n_groups):
            if span_eq(condition.texts[i], consumer.groups[k]):
                return True
    return False


cdef bint split_rule_fits(const split_rule_t *rule, exchange_t *exchange) noexcept nogil:
    cdef uint32_t i
    for i in range(rule.n_conditions):
        if not _fits(&rule.conditions[i], exchange):
            return False
    return True


# --- building

cdef int _put_texts(arena_t *arena, list texts, span_t **kept_out, uint32_t *n_out) except -1:
    kept_out[0] = <span_t *>keep_room(arena, len(texts) * sizeof(span_t))
    for text in texts:
        keep_text(arena, text, &kept_out[0][n_out[0]])
        n_out[0] += 1
    return 0


cdef int _put_paths(split_condition_t *condition, arena_t *arena, list paths) except -1:
    for path in paths:
        if path.startswith("~"):
            pattern_list_add(&condition.patterns, arena, path[1:], PATTERN_AT_START, "traffic-split")
    return _put_texts(arena, [path for path in paths if not path.startswith("~")], &condition.prefixes, &condition.n_prefixes)


cdef int _put_consumers(split_condition_t *condition, snapshot_t *snapshot, list ids, dict consumers) except -1:
    cdef uint32_t at
    condition.consumers = <const consumer_t **>keep_room(&snapshot.arena, len(ids) * sizeof(consumer_t *))
    for id in ids:
        at = consumers[id]
        condition.consumers[condition.n_consumers] = &snapshot.consumers[at]
        condition.n_consumers += 1
    return 0


cdef int _put_test(split_condition_t *condition, arena_t *arena, dict entity) except -1:
    condition.is_any = all([entity[test] is None for test in ("is", "in", "prefix", "regex")])
    if entity["is"] is not None or entity["in"] is not None:
        _put_texts(arena, entity["in"] or [entity["is"]], &condition.texts, &condition.n_texts)
    if entity["prefix"] is not None:
        _put_texts(arena, [entity["prefix"]], &condition.prefixes, &condition.n_prefixes)
    if entity["regex"] is not None:
        pattern_list_add(&condition.patterns, arena, entity["regex"], PATTERN_ANYWHERE, "traffic-split")
    return 0


cdef int split_conditions_build(split_rule_t *rule, snapshot_t *snapshot, list match, dict consumers) except -1:
    cdef arena_t *arena = &snapshot.arena
    cdef split_condition_t *condition
    cdef dict entity
    rule.conditions = <split_condition_t *>keep_room(arena, len(match) * sizeof(split_condition_t))
    for entity in match:
        condition = &rule.conditions[rule.n_conditions]
        rule.n_conditions += 1
        if entity["path"] is not None:
            condition.subject = SPLIT_PATH
            _put_paths(condition, arena, entity["path"])
        elif entity["consumer"] is not None:
            condition.subject = SPLIT_CONSUMER
            _put_consumers(condition, snapshot, entity["consumer"], consumers)
        elif entity["group"] is not None:
            condition.subject = SPLIT_GROUP
            _put_texts(arena, entity["group"], &condition.texts, &condition.n_texts)
        else:
            condition.subject = (
                SPLIT_HEADER if entity["header"] is not None else SPLIT_COOKIE if entity["cookie"] is not None else SPLIT_QUERY
            )
            keep_text(arena, entity["header"] or entity["cookie"] or entity["query"], &condition.name)
            _put_test(condition, arena, entity)
    return 0


cdef void split_rule_close(split_rule_t *rule) noexcept nogil:
    cdef uint32_t i
    for i in range(rule.n_conditions):
        pattern_list_close(rule.conditions[i].patterns)

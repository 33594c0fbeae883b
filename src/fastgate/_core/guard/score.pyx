"""Counting what an address does, and weighing it."""

from libc.stdint cimport uint16_t, uint32_t, uint64_t


cdef extern from * nogil:
    """
    #include <stdint.h>
    /* How many values hashed to one of 64 bits leave so many set: -64 ln(1 - n/64), Whang et al. 1990. Beyond 200
       they are told apart no more. */
    static const uint8_t fg_linear_count[65] = {
        0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 15, 16, 17, 18, 20, 21, 23, 24, 25,
        27, 28, 30, 32, 33, 35, 37, 39, 40, 42, 44, 46, 48, 51, 53, 55, 58, 60, 63, 65, 68, 71,
        74, 78, 81, 85, 89, 93, 97, 102, 107, 113, 119, 126, 133, 142, 151, 163, 177, 196, 200, 200, 200};
    #define fg_popcount64(v)    ((uint32_t)__builtin_popcountll(v))
    """
    const unsigned char *linear_count "fg_linear_count"
    uint32_t popcount "fg_popcount64"(uint64_t v)


cdef void _turn(visitor_t *visitor, uint64_t window_ns, uint64_t now_ns) noexcept nogil:
    """The windows as of now."""
    cdef uint64_t passed_ns = now_ns - visitor.window_ns if now_ns > visitor.window_ns else 0
    if passed_ns < window_ns:
        return
    if passed_ns < 2 * window_ns:
        visitor.window_ns += window_ns
        visitor.paths[1] = visitor.paths[0]
        visitor.requests[1] = visitor.requests[0]
        visitor.misses[1] = visitor.misses[0]
        visitor.probes[1] = visitor.probes[0]
        visitor.agents[1] = visitor.agents[0]
    else:
        visitor.window_ns = now_ns
        visitor.paths[1] = 0
        visitor.requests[1] = 0
        visitor.misses[1] = 0
        visitor.probes[1] = 0
        visitor.agents[1] = 0
        visitor.run = 0
    visitor.paths[0] = 0
    visitor.requests[0] = 0
    visitor.misses[0] = 0
    visitor.probes[0] = 0
    visitor.agents[0] = 0


cdef inline uint32_t _within(uint32_t now, uint32_t before, uint64_t left, uint64_t whole) noexcept nogil:
    """How many fell within one window's length until now, taking those of the window before for evenly spread."""
    return now + <uint32_t>(before * left // whole)


cdef inline uint32_t _part(uint32_t weight, uint32_t value, uint32_t full, uint32_t most) noexcept nogil:
    return <uint32_t>(<uint64_t>weight * min(<uint64_t>value, <uint64_t>full * most) // full)


cdef void _note(visitor_t *visitor, const visit_t *visit) noexcept nogil:
    visitor.requests[0] += 1
    visitor.paths[0] |= <uint64_t>1 << (visit.path_hash & 63)
    visitor.probes[0] += <uint16_t>(visit.is_probe and visitor.probes[0] < 0xFFFF)
    if visitor.seen_ns and visit.agent_hash != visitor.agent_hash:
        visitor.agents[0] += <uint16_t>(visitor.agents[0] < 0xFFFF)
    visitor.agent_hash = visit.agent_hash
    if not visit.has_number:
        return
    if visitor.has_number and visit.number == visitor.number + 1:
        visitor.run += 1
    elif visit.number != visitor.number:
        visitor.run = 0
    visitor.number = visit.number
    visitor.has_number = True


cdef uint32_t score_visit(visitor_t *visitor, const guard_rules_t *rules, const visit_t *visit, uint64_t now_ns) noexcept nogil:
    cdef uint64_t whole = rules.window_ns // 1024, left     # so that no product overflows
    cdef uint32_t score, probes
    if visitor.seen_ns == 0:
        visitor.window_ns = now_ns
    _turn(visitor, rules.window_ns, now_ns)
    _note(visitor, visit)
    visitor.seen_ns = now_ns
    left = whole - min(whole, (now_ns - visitor.window_ns) // 1024 if now_ns > visitor.window_ns else 0)
    score = _part(rules.rate_weight, _within(visitor.requests[0], visitor.requests[1], left, whole), rules.requests, 2)
    score += _part(rules.spread_weight, linear_count[popcount(visitor.paths[0] | visitor.paths[1])], rules.paths, 1)
    score += _part(rules.miss_weight, _within(visitor.misses[0], visitor.misses[1], left, whole), rules.misses, 1)
    score += _part(rules.sequence_weight, visitor.run, rules.sequence, 1)
    score += _part(rules.agent_weight, _within(visitor.agents[0], visitor.agents[1], left, whole), rules.agents, 1)
    probes = <uint32_t>visitor.probes[0] + visitor.probes[1]
    score += rules.probe_weight * min(probes, <uint32_t>GUARD_MOST_PROBES)
    if visit.is_odd_agent:
        score += rules.agent_weight
    return score


cdef void score_miss(visitor_t *visitor, const guard_rules_t *rules, uint64_t now_ns) noexcept nogil:
    _turn(visitor, rules.window_ns, now_ns)
    visitor.misses[0] += 1

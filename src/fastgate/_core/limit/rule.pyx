"""Rules, made ready: divisions done once, and what of a key's state outlives a change of rule."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from fastgate._core.base.status cimport MALFORMED, OK, status_t
from fastgate._core.limit.sharing cimport LIMIT_WINDOWS
from fastgate._core.limit.table cimport limit_cell_t, limit_entry_t


cdef enum:
    PERIOD_BITS = 55                # a year of nanoseconds
    CEILING_BITS = 61               # wall time and this still fit in 64 bits
    WEIGHT_BITS = 31


cdef uint32_t _bits(uint64_t value) noexcept nogil:
    cdef uint32_t n = 0
    while value:
        n += 1
        value >>= 1
    return n


cdef uint8_t _mark(uint64_t period_ns) noexcept nogil:
    """A quarter of an octave has one mark; never 0."""
    cdef uint32_t n = _bits(period_ns)
    return <uint8_t>(n * 4 + ((period_ns << 2 >> (n - 1)) & 3))


cdef status_t _prepare_window(limit_rule_t *rule, limit_window_t *window) noexcept nogil:
    cdef uint64_t most = <uint64_t>1 << CEILING_BITS
    cdef uint32_t depth
    if window.period_ns == 0 or _bits(window.period_ns) > PERIOD_BITS:
        return MALFORMED
    window.interval_ns = (window.period_ns - 1) // window.limit + 1
    window.shift = 0
    if _bits(window.period_ns) > WEIGHT_BITS:
        window.shift = _bits(window.period_ns) - WEIGHT_BITS
    depth = window.limit
    if rule.algorithm == LIMIT_GCRA and window.burst:
        depth = window.burst
    if depth > most // window.interval_ns:
        return MALFORMED
    window.ceiling_ns = depth * window.interval_ns
    if rule.algorithm == LIMIT_LEAKY_BUCKET:
        window.ceiling_ns += rule.max_delay_ns
    return OK


cdef status_t limit_rule_prepare(limit_rule_t *rule) noexcept nogil:
    cdef bint is_concurrency = rule.algorithm == LIMIT_CONCURRENCY
    cdef uint32_t i
    if rule.n_windows == 0 or rule.n_windows > <uint32_t>(1 if is_concurrency else LIMIT_WINDOWS):
        return MALFORMED
    if _bits(rule.max_delay_ns) > PERIOD_BITS:
        return MALFORMED
    rule.shape = 0
    for i in range(rule.n_windows):
        if rule.windows[i].limit == 0:
            return MALFORMED
        if is_concurrency:
            continue
        if _prepare_window(rule, &rule.windows[i]) != OK:
            return MALFORMED
        rule.shape |= <uint64_t>_mark(rule.windows[i].period_ns) << (8 * i)
    if is_concurrency:
        rule.family = LIMIT_FAMILY_HOLDERS
    elif rule.algorithm == LIMIT_GCRA or rule.algorithm == LIMIT_LEAKY_BUCKET:
        rule.family = LIMIT_FAMILY_ARRIVALS
    else:
        rule.family = LIMIT_FAMILY_COUNTS
    return OK


cdef void limit_rule_adopt(const limit_rule_t *rule, limit_entry_t *entry) noexcept nogil:
    cdef limit_cell_t cells[LIMIT_WINDOWS]
    cdef uint32_t i, k
    memset(cells, 0, sizeof(cells))
    for i in range(rule.n_windows):
        for k in range(<uint32_t>LIMIT_WINDOWS):
            if ((entry.shape >> (8 * k)) & 0xff) == ((rule.shape >> (8 * i)) & 0xff):
                cells[i] = entry.cells[k]
                break
    memcpy(entry.cells, cells, sizeof(cells))
    entry.shape = rule.shape

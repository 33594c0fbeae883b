"""The reactors' half of header_filter and body_filter in Python: the exchange is parked with its answer withheld."""

from libc.stdint cimport uint32_t

from fastgate._core.base.atomics cimport atomic_add_u64
from fastgate._core.base.buffer cimport buffer_clear, buffer_put, buffer_span
from fastgate._core.base.span cimport span_none, span_t, span_text
from fastgate._core.base.status cimport OK, status_t
from fastgate._core.plugin.python cimport (
    PYTHON_ANSWER_ADD,
    PYTHON_ANSWER_DROP,
    PYTHON_BODY_FILTER,
    PYTHON_HEADER_FILTER,
    python_call_free,
    python_call_new,
    python_call_park,
    python_call_t,
    python_change_t,
    python_config_t,
    python_phase_t,
)
from fastgate._core.plugin.python_state cimport python_state_give
from fastgate._core.plugin.python_told cimport python_told
from fastgate._core.proxy.exchange cimport exchange_keep, exchange_t, withheld_t
from fastgate._core.proxy.park cimport unpark
from fastgate._core.proxy.policy cimport policy_answer_add, policy_answer_drop
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED, TEXT_TOO_LARGE_FOR_PLUGIN, TEXT_UNEXPECTED
from fastgate._core.proxy.withhold cimport withhold_body, withhold_fail, withhold_is_on
from fastgate._core.reactor.reactor cimport mail_t, reactor_t
from fastgate._core.reactor.timer cimport timer_t


# --- there

cdef status_t _filter(const plugin_t *plugin, exchange_t *exchange, python_phase_t phase, span_t body) noexcept nogil:
    cdef const python_config_t *config = <const python_config_t *>plugin.config
    cdef bint is_flooded
    cdef python_call_t *call = python_call_new(exchange, config, &is_flooded)
    if call != NULL and not python_told(call, exchange, body):
        python_call_free(call)
        call = NULL
    if call == NULL:
        atomic_add_u64(&config.lot.refused, 1)
        if config.goes_on:
            return OK
        if is_flooded:
            return withhold_fail(exchange, 500, span_text(TEXT_UNEXPECTED))
        return withhold_fail(exchange, 503, span_text(TEXT_OVERLOADED))
    call.phase = phase
    return python_call_park(call, exchange, config, _on_verdict, _on_late)


cdef status_t _header_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef exchange_t *exchange = <exchange_t *>subject
    if not withhold_is_on(exchange):
        return OK               # in place of one that a filter failed on
    if plugin.body_filter != NULL:
        withhold_body(exchange)
    return _filter(plugin, exchange, PYTHON_HEADER_FILTER, span_none())


cdef status_t _no_header_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    """Of a plugin that has a body_filter alone."""
    cdef exchange_t *exchange = <exchange_t *>subject
    if withhold_is_on(exchange):
        withhold_body(exchange)
    return OK


cdef status_t _body_filter(const plugin_t *plugin, void *subject) noexcept nogil:
    cdef const python_config_t *config = <const python_config_t *>plugin.config
    cdef exchange_t *exchange = <exchange_t *>subject
    if exchange.withheld.is_too_large:
        atomic_add_u64(&config.lot.too_large, 1)
        return OK if config.goes_on else withhold_fail(exchange, 502, span_text(TEXT_TOO_LARGE_FOR_PLUGIN))
    return _filter(plugin, exchange, PYTHON_BODY_FILTER, buffer_span(&exchange.withheld.body))


# --- and back

cdef bint _change(exchange_t *exchange, const python_change_t *change) noexcept nogil:
    """False: no memory."""
    cdef bint failed = False
    cdef span_t name, value
    if change.action == PYTHON_ANSWER_DROP:
        policy_answer_drop(exchange, change.name)
    elif change.action == PYTHON_ANSWER_ADD:
        name = exchange_keep(exchange, change.name, &failed)
        value = exchange_keep(exchange, change.value, &failed)
        if not failed:
            policy_answer_add(exchange, name, value)
    return not failed


cdef bint _carry_out(exchange_t *exchange, const python_call_t *call) noexcept nogil:
    """False: no memory."""
    cdef withheld_t *withheld = exchange.withheld
    cdef bint failed = False
    cdef span_t text
    cdef uint32_t i
    if call.refusal:
        text = exchange_keep(exchange, call.body, &failed) if call.has_message else span_text(TEXT_UNEXPECTED)
        if not failed:
            withhold_fail(exchange, call.refusal, text)
        return not failed
    for i in range(call.n_changes):
        if not _change(exchange, &call.changes[i]):
            return False
    if call.answer.new_status:
        withheld.status = call.answer.new_status
    if not call.answer.has_body:
        return True
    buffer_clear(&withheld.body)
    return buffer_put(&withheld.body, call.body.at, call.body.len)


cdef void _on_verdict(reactor_t *reactor, mail_t *mail) noexcept nogil:
    cdef python_call_t *call = <python_call_t *>mail
    cdef exchange_t *exchange = unpark(&call.parking)
    if call.new_state != NULL:
        python_state_give(exchange, call.new_state)
    if exchange != NULL and not _carry_out(exchange, call):
        withhold_fail(exchange, 503, span_text(TEXT_OVERLOADED))
    python_call_free(call)
    if exchange != NULL:
        exchange.lane.on_filtered(exchange)


cdef void _on_late(timer_t *timer) noexcept nogil:
    """The control thread is stuck, in a plugin that blocks it perhaps."""
    cdef exchange_t *exchange = <exchange_t *>(<char *>timer - <size_t>&(<exchange_t *>NULL).wait)
    cdef python_call_t *call = <python_call_t *>exchange.parking
    atomic_add_u64(&call.lot.stalled, 1)
    unpark(&call.parking)
    if not call.goes_on:
        withhold_fail(exchange, 500, span_text(TEXT_UNEXPECTED))
    exchange.lane.on_filtered(exchange)


# --- the builder

cdef void python_answer_build(plugin_t *plugin, bint has_header_filter, bint has_body_filter) noexcept nogil:
    if has_body_filter:
        plugin.body_filter = _body_filter
        plugin.header_filter = _no_header_filter
    if has_header_filter:
        plugin.header_filter = _header_filter
    plugin.withholds = has_header_filter or has_body_filter

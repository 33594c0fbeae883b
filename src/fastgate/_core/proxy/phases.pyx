"""Walking a route's plugins, in the order of their priorities."""

from libc.stdint cimport uint16_t, uint32_t

from fastgate._core.base.span cimport span_text
from fastgate._core.base.status cimport AGAIN, DONE, OK, status_t
from fastgate._core.proxy.exchange cimport added_t, exchange_room
from fastgate._core.proxy.heard cimport heard_trim
from fastgate._core.proxy.policy cimport policy_refuse
from fastgate._core.proxy.reply cimport TEXT_OVERLOADED
from fastgate._core.proxy.request cimport request_hash_consumer
from fastgate._core.snapshot.plugin cimport chain_t, plugin_t, step_pick
from fastgate._core.snapshot.snapshot cimport snapshot_t


cdef const plugin_t *_next(exchange_t *exchange, const chain_t *chain) noexcept nogil:
    """The next step's plugin, noted if it wants to see the answer; NULL: nothing of that kind for this request."""
    cdef const plugin_t *plugin = step_pick(&chain.steps[exchange.step], exchange.consumer)
    exchange.step += 1
    if plugin != NULL and plugin.header_filter != NULL:
        exchange.filters[exchange.n_filters] = plugin
        exchange.n_filters += 1
        exchange.withholds |= plugin.withholds
    return plugin


cdef bint _begin(exchange_t *exchange, const chain_t *chain) noexcept nogil:
    """False: no memory. Whoever has a chain has room for its filters."""
    if exchange.filters == NULL:
        exchange.filters = <const plugin_t **>exchange_room(exchange, chain.n_steps * sizeof(plugin_t *))
        if exchange.filters == NULL:
            return False
        exchange.chain = chain
    return True


cdef inline bint _is_understood(const exchange_t *exchange) noexcept nogil:
    """Its head is there, and its target could be read: plugins may look at it."""
    return exchange.parser.is_head_done and (exchange.path_len != 0 or exchange.has_asterisk_target)


cdef void phases_meet_rest(exchange_t *exchange) noexcept nogil:
    if exchange.chain == NULL:
        if exchange.snapshot == NULL or exchange.snapshot.for_all == NULL or not _is_understood(exchange):
            return
        if exchange.route == NULL:
            heard_trim(exchange, exchange.snapshot.for_all, True)
        exchange.step = 0
        if not _begin(exchange, exchange.snapshot.for_all):
            return                          # without memory the answer goes as it is
    while exchange.step < exchange.chain.n_steps:
        _next(exchange, exchange.chain)


cdef status_t phases_access(exchange_t *exchange) noexcept nogil:
    cdef const chain_t *chain = exchange.route.chain
    cdef const plugin_t *plugin
    # Resumed with a refusal: who was waited for has decided.
    cdef status_t status = DONE if exchange.refusal else OK
    if chain != NULL and not _begin(exchange, chain):
        return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
    while status == OK:
        if exchange.request_added.is_short:     # what the upstream is told decides what it allows
            return policy_refuse(exchange, 503, span_text(TEXT_OVERLOADED))
        if chain == NULL or exchange.step == chain.n_steps:
            break
        plugin = _next(exchange, chain)
        if plugin != NULL and plugin.access != NULL:
            status = plugin.access(plugin, exchange)
    if status == OK and exchange.service != NULL:
        request_hash_consumer(exchange)
    return status


cdef status_t phases_rewrite(exchange_t *exchange) noexcept nogil:
    cdef const snapshot_t *snapshot = exchange.snapshot
    cdef const plugin_t *plugin
    cdef status_t status
    while not exchange.refusal:             # one behind a wait: who was waited for has decided
        if exchange.step == snapshot.n_rewriting:
            exchange.step = 0               # of the route's chain
            return OK
        plugin = snapshot.rewriting[exchange.step]
        exchange.step += 1
        status = plugin.rewrite(plugin, exchange)
        if status == AGAIN:
            return AGAIN
    return DONE


cdef status_t phases_collected(exchange_t *exchange) noexcept nogil:
    cdef const plugin_t *plugin = exchange.collector
    exchange.collector = NULL
    if plugin.access(plugin, exchange) == AGAIN:
        return AGAIN
    return phases_access(exchange)          # which sees a refusal


cdef void phases_filter_begin(exchange_t *exchange) noexcept nogil:
    if exchange.is_filtered:
        return
    exchange.is_filtered = True
    exchange.filter_at = 0
    exchange.answer_mark = exchange.answer_added.last
    exchange.answer_known = exchange.answer.known


cdef status_t phases_header_filter(exchange_t *exchange) noexcept nogil:
    cdef const plugin_t *plugin
    cdef status_t status = OK
    phases_filter_begin(exchange)
    while status == OK and exchange.filter_at < exchange.n_filters:
        plugin = exchange.filters[exchange.filter_at]
        exchange.filter_at += 1
        status = plugin.header_filter(plugin, exchange)
    return status


cdef status_t phases_body_filter(exchange_t *exchange) noexcept nogil:
    cdef uint16_t *at = &exchange.withheld.body_at
    cdef const plugin_t *plugin
    cdef status_t status = OK
    while status == OK and at[0] < exchange.n_filters:
        plugin = exchange.filters[at[0]]
        at[0] += 1
        if plugin.body_filter != NULL:
            status = plugin.body_filter(plugin, exchange)
    return status


cdef void phases_unfilter(exchange_t *exchange) noexcept nogil:
    cdef added_t *field = exchange.answer_added.first
    if not exchange.is_filtered:
        return
    exchange.is_filtered = False
    while field != NULL:
        field.is_hidden = False         # what was hidden before the filters is not in the list
        field = field.next
    exchange.answer_added.last = exchange.answer_mark
    if exchange.answer_mark == NULL:
        exchange.answer_added.first = NULL
    else:
        exchange.answer_mark.next = NULL


cdef void phases_log(exchange_t *exchange) noexcept nogil:
    """Of tunnels nothing: they have let go of their route's plugins."""
    cdef const plugin_t *plugin
    cdef uint32_t i
    if exchange.chain == NULL or not exchange.chain.logs:
        return
    for i in range(exchange.step):          # those that had their turn
        plugin = step_pick(&exchange.chain.steps[i], exchange.consumer)
        if plugin != NULL and plugin.log != NULL:
            plugin.log(plugin, exchange)
